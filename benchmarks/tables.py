"""The tables of docs/benchmarks.md, from the results: ``python benchmarks/tables.py``.

With the word ``models``: the table of docs/models.md. A test compares the pages with what this
prints, so that they show what was measured.
"""

import json
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("results")

#: Suites and estimators in the order of the table.
SUITES = ("bmi40", "bend", "wide", "independent", "fresh", "heldout")
ESTIMATORS = (
    *("Auto", "Canonical", "KSG", "EDGE", "EDGE 4.3.1", "EDGE 4.4.1", "GaussianCopula"),
    *("NPEET", "GCMI (frites)", "scikit-learn"),
)

#: Samples of a task for which there is a file of accuracies.
SIZES = (1000, 5000, 10000)


def main():
    """Print all tables of a page."""
    sys.stdout.write(models() if sys.argv[1:] == ["models"] else "\n".join(tables()))


def tables(folder=RESULTS):
    """Return the tables, each with its heading, as Markdown."""
    speed = read(folder, "speed.json")
    found = ["### Accuracy\n", accuracy([read(folder, f"accuracy_{n}.json") for n in SIZES])]
    found += ["### Speed\n", one_thread(speed["rows"]), two_threads(speed["threads"])]
    found += [memory(speed["memory"]), first_calls(speed["first_calls"])]
    return [*found, "### Intervals\n", intervals(read(folder, "intervals.json")["rows"])]


def read(folder, name):
    """Return one file of results."""
    return json.loads((folder / name).read_text())


def table(header, rows):
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def accuracy(records):
    """Return mean absolute errors in nats; in brackets where some tasks were not answered."""
    summary = [row for record in records for row in record["summary"]]
    errors = {}
    for row in summary:
        most = max(other["tasks"] for other in summary if other["suite"] == row["suite"])
        value = row["mean_absolute_error"]
        text = "-" if value is None else f"{value:.3f}"
        whole = row["answered"] == 1 and row["tasks"] == most
        errors[row["suite"], row["n"], row["estimator"]] = text if whole else f"({text})"
    rows = [
        [suite, f"{n:,}", *(errors.get((suite, n, name), "-") for name in ESTIMATORS)]
        for suite in SUITES
        for n in SIZES
        if any(key[:2] == (suite, n) for key in errors)
    ]
    return table(["suite", "n", *ESTIMATORS], rows)


def one_thread(rows):
    """Return CPU times of one thread beside the fastest peer's."""
    return table(
        ["estimator", "columns", "n", "time", "fastest peer", "its time", "times faster"],
        [
            [
                *data(row),
                duration(row["cpu_seconds"]["mitools"]),
                row["fastest_peer"],
                duration(row["cpu_seconds"][row["fastest_peer"]]),
                f"{row['times_faster']:.1f}",
            ]
            for row in rows
        ],
    )


def two_threads(rows):
    """Return wall times of one thread and of two."""
    return table(
        ["estimator", "columns", "n", "one thread", "two", "times faster"],
        [
            [
                *data(row),
                *(duration(row["wall_seconds"][threads]) for threads in ("1", "2")),
                f"{row['speed_up']:.2f}",
            ]
            for row in rows
        ],
    )


def memory(rows):
    """Return the memory of an estimate beyond its data."""
    return table(
        ["estimator", "columns", "n", "data", "memory beyond"],
        [
            [
                *data(row),
                *(f"{row['megabytes'][what]:.3g} MB" for what in ("data", "beyond")),
            ]
            for row in rows
        ],
    )


def first_calls(rows):
    """Return the wall times of a first estimate in a process: all compiled, or from the cache."""
    return table(
        ["estimator", "columns", "n", "first call, compiling", "from the cache"],
        [
            [
                *data(row),
                *(f"{seconds:.2g} s" for seconds in row["first_call_seconds"].values()),
            ]
            for row in rows
        ],
    )


def data(row):
    """Return what was run on what: estimator, columns, samples."""
    width = row["dimensions"]
    return row.get("estimator", "KSG"), f"{width}+{width}", f"{row['n']:,}"


def duration(seconds):
    """Return a time for people."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def intervals(rows):
    """Return how often the verdict is "usable", and how right it is then."""
    return table(
        ["situation", "n", "estimator", "truth", "usable", "interval holds it", "largest error"],
        [
            [
                row["task"],
                f"{row['n']:,}",
                row["estimator"],
                f"{row['truth']:.3f}",
                f"{row['usable']} of {row['repetitions']}",
                f"{row['covered'] / row['usable']:.0%}" if row["usable"] else "-",
                f"{row['worst']:.0%}" if row["usable"] else "-",
            ]
            for row in rows
        ],
    )


def models(folder=RESULTS):
    """Return what was found of each model, as one table."""
    found = [row for row in read(folder, "models.json")["rows"] if "error" not in row]
    return table(
        [
            *("model", "pixels", "layers", "follow", "named", "pre", "post"),
            *("cuts", "clean", "wrong", "frozen", "list", "collect", "own hooks"),
            *("MB: plain", "list", "collect", "own hooks"),
        ],
        [
            [
                row["model"] + (" (timm)" if row["source"] == "timm" else ""),
                row["size"],
                row["layers"],
                row["connected"],
                row["named"],
                *(agreement(row[point]) for point in ("pre", "post")),
                *(row[key] for key in ("cuts", "clean", "wrong")),
                agreement(row["frozen"]),
                *(f"{row['ratios'][key]:.2f}" for key in ("list", "collect", "own")),
                *(f"{row['megabytes'][key]:.0f}" for key in ("plain", "list", "collect", "own")),
            ]
            for row in sorted(found, key=lambda row: (row["source"] == "timm", row["model"]))
        ],
    )


def agreement(value):
    """Return "yes" or "no", or that robustsplit refused, for which `value` is the reason."""
    return {True: "yes", False: "no"}.get(value, "refused")


if __name__ == "__main__":
    main()
