"""The command `mitools`: mutual information between columns of a file, and benchmark tasks."""

from __future__ import annotations

import shlex
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["app", "main"]

app = typer.Typer(
    name="mitools",
    help="Mutual information that says how far it can be trusted.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

#: Click's own class of errors, whether click is a package of its own or part of typer.
USAGE_ERRORS: Any = typer.BadParameter.__bases__[0].__bases__[0]

#: Pairs that `matrix` prints.
SHOWN = 10

COLUMNS = 'names, globs, indices or ranges, with commas: "a,b", "h1_*", "0:3"; keys for npz'

File = Annotated[Path, typer.Argument(help="A CSV, TSV, Parquet, npy or npz file.")]
X = Annotated[str, typer.Option("--x", help=f"Columns of X: {COLUMNS}.")]
Y = Annotated[str, typer.Option("--y", help="Columns of Y, likewise.")]
Given = Annotated[
    str | None, typer.Option("--given", help="The column of labels to condition on.")
]
Chosen = Annotated[
    str,
    typer.Option(
        "--estimator", help='"ksg", "ksg:k=5", "edge", "edge:semirobust", "auto", "ksg+pca:4", ...'
    ),
]
Permutations = Annotated[int, typer.Option("--permutations", help="Permutations of the null.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the permutations.")]
Blocks = Annotated[
    int | None,
    typer.Option("--blocks", help="For rows in the order of time: 1 keeps it (see `assess`)."),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", help="Workers; -1: one per processor. They change no bit.")
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first row of a CSV holds names; a guess if not given.",
    ),
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Also draw them into this file.")]
Shifted = Annotated[int, typer.Option("--blocks", help="1: circular shifts; more: blocks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]


@app.callback()
def about(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.")
    ] = False,
) -> None:
    """Mutual information that says how far it can be trusted."""
    if version:
        from mitools import __version__

        typer.echo(f"mitools {__version__}")
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def estimate(
    file: File,
    x: X,
    y: Y,
    given: Given = None,
    estimator: Chosen = "ksg",
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Estimate I(X; Y), or I(X; Y | Z) with --given, in nats and bits."""
    import mitools

    chosen = mitools.parse_estimator(estimator)
    columns, labels = _read(file, x, y, given, header, [chosen])
    result = mitools.mutual_information(*columns, given=labels, estimator=chosen)
    _show(result.to_dict(), result.summary(), as_json)


@app.command()
def assess(
    file: File,
    x: X,
    y: Y,
    given: Given = None,
    estimator: Chosen = "ksg",
    permutations: Permutations = 100,
    seed: Seed = 0,
    blocks: Blocks = None,
    jobs: Jobs = None,
    header: Header = None,
    as_json: AsJson = False,
) -> None:
    """Estimate I(X; Y) and say how far to trust it: null, ceiling, spread, verdict."""
    import mitools

    chosen = mitools.parse_estimator(estimator)
    columns, labels = _read(file, x, y, given, header, [chosen])
    assessment = mitools.assess(
        *columns,
        given=labels,
        estimator=chosen,
        n_permutations=permutations,
        seed=seed,
        blocks=blocks,
        n_jobs=jobs,
    )
    _show(assessment.to_dict(), str(assessment), as_json)


@app.command()
def compare(
    file: File,
    x: X,
    y: Y,
    given: Given = None,
    estimators: Annotated[
        str, typer.Option("--estimators", help='With commas: "ksg:k=3,edge,auto".')
    ] = "ksg,edge,auto,copula",
    permutations: Annotated[
        int, typer.Option("--permutations", help="Permuted pairs for each.")
    ] = 20,
    seed: Seed = 0,
    blocks: Blocks = None,
    jobs: Jobs = None,
    header: Header = None,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Ask several estimators for I(X; Y), each with its own null, and show them in a table."""
    import mitools

    chosen = [mitools.parse_estimator(text) for text in _several(estimators)]
    columns, labels = _read(file, x, y, given, header, chosen)
    result = mitools.compare(
        *columns,
        estimators=chosen,
        given=labels,
        n_permutations=permutations,
        seed=seed,
        blocks=blocks,
        n_jobs=jobs,
    )
    _show({"answers": result.to_dict()}, str(result), as_json)
    if plot is not None:
        _save(result.plot(), plot)


@app.command()
def lag(
    file: File,
    x: X,
    y: Y,
    lags: Annotated[
        str,
        typer.Option("--lags", help='In rows: "-20:20", with a step "-20:20:5", or "0,1,2".'),
    ] = "-20:20",
    estimator: Chosen = "ksg",
    permutations: Permutations = 100,
    seed: Seed = 0,
    blocks: Shifted = 1,
    jobs: Jobs = None,
    header: Header = None,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Estimate I of x and a later y (or an earlier one) for each lag, for rows in time."""
    import mitools

    chosen = mitools.parse_estimator(estimator)
    columns, _ = _read(file, x, y, None, header, [chosen])
    found = mitools.lagged_information(
        *columns,
        lags=lags,
        estimator=chosen,
        n_permutations=permutations,
        blocks=blocks,
        seed=seed,
        n_jobs=jobs,
    )
    _show(found.to_dict(), str(found), as_json)
    if plot is not None:
        _save(found.plot(), plot)


@app.command()
def matrix(
    file: File,
    columns: Annotated[
        str | None, typer.Option("--columns", help=f"All if not given; {COLUMNS}.")
    ] = None,
    estimator: Annotated[
        str | None, typer.Option("--estimator", help="One for all pairs; chosen by kind if not.")
    ] = None,
    permutations: Permutations = 100,
    seed: Seed = 0,
    blocks: Blocks = None,
    jobs: Jobs = None,
    header: Header = None,
    out: Annotated[
        str | None, typer.Option("--out", help="Start of the files' names; FILE-mi if not given.")
    ] = None,
) -> None:
    """Estimate I for every pair of columns: heat map (png), matrix and p values (csv)."""
    import mitools
    from mitools.evidence.null import tail_text
    from mitools.samples.tables import read_table

    chosen = None if estimator is None else mitools.parse_estimator(estimator)
    table = read_table(file, header)
    prefix = str(file.with_suffix("")) + "-mi" if out is None else out
    names = table.names if columns is None else table.select(columns)
    sides = [table.labels(name) for name in names]
    broad = [name for name, side in zip(names, sides, strict=True) if side.ndim > 1]
    if broad:
        raise ValueError(
            f"{file.name}: {broad[0]!r} holds several columns. Choose arrays of one column each "
            "with --columns."
        )
    import pandas as pd
    from tqdm import tqdm

    frame = pd.DataFrame(dict(zip(names, sides, strict=True)))
    with tqdm(unit="pair", disable=None, leave=False) as bar:

        def progress(done: int, pairs: int) -> None:
            bar.total = pairs
            bar.update(done - bar.n)

        found = mitools.information_matrix(
            frame,
            estimator=chosen,
            n_permutations=permutations,
            seed=seed,
            blocks=blocks,
            n_jobs=jobs,
            progress=progress,
        )
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    found.to_frame().to_csv(f"{prefix}.csv")
    found.pairs().to_csv(f"{prefix}-pairs.csv", index=False)
    _save(found.plot(), Path(f"{prefix}.png"))
    shown = found.pairs().head(SHOWN)[["x", "y", "nats", "adjusted_p_value", "dependent"]]
    as_text = {"nats": "{:.3f}".format, "adjusted_p_value": tail_text}
    typer.echo(f"{found}\n{shown.to_string(index=False, formatters=as_text)}")
    typer.echo(f"Written: {prefix}.png, {prefix}.csv, {prefix}-pairs.csv")


@app.command()
def tasks(
    suites: Annotated[
        list[str] | None, typer.Option("--suite", help='As "bmi40,bend", or repeated; see --list.')
    ] = None,
    estimators: Annotated[
        list[str] | None,
        typer.Option("--estimator", help='As "ksg:k=3,edge,auto", or repeated; KSG if none is.'),
    ] = None,
    sizes: Annotated[
        list[str] | None,
        typer.Option("--n", help='Pairs to draw, as "1000,5000", or repeated; 1000 if none is.'),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", help="Samples of each size.")] = 1,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Saved tasks: manifest.csv and npz files.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Also write every estimate: .json or .csv.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", help="Show the suites, or the tasks of --suite, and leave.")
    ] = False,
) -> None:
    """Run estimators on tasks of known mutual information, and show how far off they are."""
    import mitools.tasks

    suite = ",".join(suites) if suites else None
    estimator, n = ",".join(estimators or ["ksg"]), ",".join(sizes or ["1000"])
    if listed and suite is None and folder is None:
        about = [f"{name:<13}{text}" for name, text in mitools.tasks.SUITES.items()]
        typer.echo("\n".join(about))
        return
    chosen = _suites(suite, folder)
    if listed:
        shown = [
            f"{name:<13}{task.name:<48}{task.mutual_information:>8.4f}  {task.source}"
            for name, members in chosen.items()
            for task in members
        ]
        typer.echo("\n".join(shown))
        return
    if out is not None and out.suffix not in (".json", ".csv"):
        raise ValueError(f"--out must end in .json or .csv, got {out.name!r}.")
    from tqdm import tqdm

    with tqdm(unit="estimate", disable=None, leave=False) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        scores = mitools.tasks.run_tasks(
            chosen, _several(estimator), n=_numbers("--n", n), seeds=seeds, progress=progress
        )
    typer.echo(str(scores))
    if out is not None:
        scores.save(out, mitools=mitools.__version__)
        typer.echo(f"Written: {out}")


def _suites(suite: str | None, folder: Path | None) -> dict[str, Any]:
    """Return the tasks asked for by suite; all of a folder if none is named."""
    import mitools.tasks
    from mitools.samples.messages import unknown

    saved = None if folder is None else mitools.tasks.saved_tasks(folder)
    if suite is None:
        return {"bmi40": mitools.tasks.suite("bmi40")} if saved is None else saved
    names = [name.strip() for name in suite.split(",") if name.strip()]
    if saved is None:
        return {name: mitools.tasks.suite(name) for name in names}
    for name in names:
        if name not in saved:
            raise ValueError(unknown(f"suite of {folder}", name, saved))
    return {name: saved[name] for name in names}


def _numbers(option: str, text: str) -> list[int]:
    try:
        return [int(item) for item in text.split(",") if item.strip()]
    except ValueError:
        raise ValueError(f"{option} must be whole numbers with commas, got {text!r}.") from None


def _read(
    file: Path, x: str, y: str, given: str | None, header: bool | None, chosen: list[Any]
) -> tuple[tuple[Any, Any], Any]:
    from mitools.samples.tables import read_table

    table = read_table(file, header)
    sides = _side(table, x, chosen), _side(table, y, chosen)
    return sides, None if given is None else table.labels(given)


def _side(table: Any, wanted: str, chosen: list[Any]) -> Any:
    """Return the columns as numbers; a column of text as label numbers, to who knows no order."""
    from mitools.samples.arrays import as_labels

    if len(table.select(wanted)) == 1 and all(one.takes_labels for one in chosen):
        column = table.labels(wanted)
        if column.ndim == 1 and column.dtype.kind not in "iuf":
            return as_labels(column, len(column))[1]
    return table.columns(wanted)


def _several(text: str) -> list[str]:
    """Split "ksg:k=3,variant=2,edge" at the commas that begin an estimator, not a setting."""
    from mitools.estimators.registry import ESTIMATORS

    found: list[str] = []
    for piece in filter(None, (item.strip() for item in text.split(","))):
        name = piece.partition(":")[0].partition("+")[0].lower()
        if found and ":" in found[-1] and name not in ESTIMATORS:
            found[-1] += f",{piece}"
        else:
            found.append(piece)
    return found


def _show(record: dict[str, Any], text: str, as_json: bool) -> None:
    import json

    typer.echo(json.dumps(record, indent=2) if as_json else text)


def _save(axes: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    axes.get_figure().savefig(path, dpi=150)


def main() -> None:
    """Run the command line; errors are one line on stderr, and exit code 2."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of other packages, to their authors
        warnings.showwarning = _warn
        code = _run()
    sys.exit(code)


def _run() -> int:
    try:
        return int(app(standalone_mode=False) or 0)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except USAGE_ERRORS as error:
        return _fail(_reworded(error))
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        return _fail(str(error) or type(error).__name__)


def _reworded(error: Any) -> str:
    """Return a usage error's message; for `estimate --assess`, the command that replaces it."""
    command, *rest = sys.argv[1:] or [""]
    if command == "estimate" and "--assess" in rest:
        rest.remove("--assess")
        return f"`estimate` has no --assess any more: {shlex.join(['mitools', 'assess', *rest])}"
    return str(error.format_message())


def _fail(message: str) -> int:
    _say(message)
    return 2


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    _say(f"warning: {message}")


def _say(message: str) -> None:
    typer.echo("mitools: " + " ".join(message.split()), err=True)


if __name__ == "__main__":
    main()
