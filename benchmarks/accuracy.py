"""How far estimators are from the truth: suites of known mutual information, as a table and JSON.

Run with ``python benchmarks/accuracy.py``; ``--quick`` takes a minute. Our estimators, and those
peers that are installed (ennemi and scikit-learn for one column a side, NPEET, frites), see the
same samples. The suite "bmi40" is read from a folder of saved samples with a manifest
(``--tasks``), where there is one; the others are drawn here (benchmarks/suites.py). Errors are in
nats.
"""

import argparse
import csv
import importlib.metadata
import json
import os
import platform
import subprocess
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the number of threads
from suites import SUITES, Task  # noqa: E402

from mitools import EDGE, KSG  # noqa: E402
from mitools.estimators.auto import Auto  # noqa: E402
from mitools.estimators.canonical import Canonical  # noqa: E402
from mitools.estimators.gaussian import GaussianCopula  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
TASKS = ROOT.parent / "shared" / "reference" / "tasks"

OURS = {
    "Auto": Auto(),
    "Canonical": Canonical(),
    "GaussianCopula": GaussianCopula(),
    "KSG": KSG(),
    "EDGE": EDGE(),
    "EDGE 4.3.1": EDGE.released("4.3.1"),
    "EDGE 4.4.1": EDGE.released("4.4.1"),
}


def main():
    """Run every estimator on every task, print the table and write the JSON."""
    arguments = parsed()
    suites = {name: list(SUITES[name]) for name in arguments.suites if name in SUITES}
    if "bmi40" in arguments.suites:
        suites["bmi40"] = saved(arguments.tasks, "bmi40")
        if not suites["bmi40"]:
            print(f"bmi40 left out: no manifest.csv in {arguments.tasks} (--tasks FOLDER)")
    estimators = {
        name: run
        for name, run in (estimates() | peers()).items()
        if not arguments.estimators or name in arguments.estimators
    }
    rows = []
    for suite, tasks in suites.items():
        for task in tasks:
            for n in arguments.sizes:
                for seed in range(arguments.seeds):
                    rows += measured(suite, task, n, seed, estimators)
        print(table([row for row in rows if row["suite"] == suite], suite), flush=True)
    write(arguments.output, rows)


def parsed():
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    known = ["bmi40", *SUITES]
    parser.add_argument("--suites", nargs="+", choices=known, default=known)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 5000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--estimators", nargs="+", help="names as in the table; all by default")
    parser.add_argument("--tasks", type=Path, default=TASKS)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/accuracy.json")
    parser.add_argument("--quick", action="store_true", help="one seed, n = 1000, the suite bend")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.sizes, arguments.suites = 1, [1000], ["bend"]
    return arguments


def saved(folder: Path, suite: str) -> list[Task]:
    """Return the tasks of one suite from a folder of saved samples; seeds take other rows."""
    if not (folder / "manifest.csv").exists():
        return []
    tasks = []
    with (folder / "manifest.csv").open() as file:
        for line in csv.DictReader(file):
            if line["suite"] == suite:
                draw = rows_of(folder / line["file"])
                tasks.append(Task(line["task_id"], draw, float(line["mi_nats"])))
    return tasks


def rows_of(path: Path) -> Callable:
    """Return a way to draw n rows of a saved pair: for most of them, seeds overlap."""

    def draw(n, rng):
        with np.load(path) as arrays:
            x, y = (arrays[side].astype(float).reshape(len(arrays[side]), -1) for side in "xy")
        if n > len(x):
            raise ValueError(f"{path.name} has {len(x)} rows, fewer than {n}.")
        rows = np.sort(rng.permutation(len(x))[:n])
        return x[rows], y[rows]

    return draw


def estimates() -> dict[str, Callable]:
    """Return our estimators as functions of x and y to nats."""
    return {
        name: (lambda x, y, estimator=estimator: estimator.estimate(x, y).value)
        for name, estimator in OURS.items()
    }


def peers() -> dict[str, Callable]:
    """Return the installed peers as functions of x and y to nats, or None where they cannot."""
    found: dict[str, Callable] = {}
    if find_spec("sklearn"):
        from sklearn.feature_selection import mutual_info_regression

        found["scikit-learn"] = lambda x, y: (
            float(mutual_info_regression(x, y[:, 0], random_state=0)[0]) if narrow(x, y) else None
        )
    if find_spec("ennemi"):
        from ennemi import estimate_mi

        found["ennemi"] = lambda x, y: (
            float(estimate_mi(y[:, 0], x[:, 0]).squeeze()) if narrow(x, y) else None
        )
    if find_spec("npeet"):
        from npeet.entropy_estimators import mi

        found["NPEET"] = lambda x, y: float(mi(x, y, k=3, base=np.e))
    if find_spec("frites"):
        from frites.core import gcmi_nd_cc

        def copula(x, y):
            wide = x.shape[1] + y.shape[1] > len(x) // 6
            return None if wide else float(gcmi_nd_cc(x.T, y.T)) * np.log(2)

        found["GCMI (frites)"] = copula
    return found


def narrow(x, y):
    """Return whether there is one column a side."""
    return x.shape[1] == y.shape[1] == 1


def measured(suite, task, n, seed, estimators):
    """Return one row for each estimator that takes these data."""
    x, y = task.sample(n, seed)
    rows = []
    for name, run in estimators.items():
        start = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = run(x, y)
        if value is not None:
            rows.append(
                {
                    "suite": suite,
                    "task": task.name,
                    "d_x": x.shape[1],
                    "d_y": y.shape[1],
                    "n": n,
                    "seed": seed,
                    "estimator": name,
                    "truth": task.mutual_information,
                    "value": value,
                    "cpu_s": time.process_time() - start,
                }
            )
    return rows


def table(rows, suite):
    """Return the values by task at the largest n, and the mean errors by n, as text."""
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    sizes = sorted({row["n"] for row in rows})
    cells = defaultdict(list)
    for row in rows:
        cells[row["task"], row["n"], row["estimator"]].append(row)
    width = 1 + max(len(name) for name in names)
    lines = [f"{suite}, n = {sizes[-1]}: mean over seeds"]
    lines.append(f"{'task':<38}{'truth':>7}" + "".join(f"{name:>{width}}" for name in names))
    for task in dict.fromkeys(row["task"] for row in rows):
        line = ""
        for name in names:
            found = cells[task, sizes[-1], name]
            line += f"{mean(found, 'value'):>{width}.3f}" if found else " " * width
        truth = next(row["truth"] for row in rows if row["task"] == task)
        lines.append(f"{task[:37]:<38}{truth:>7.3f}" + line)
    for n in sizes:
        for what in ("mean absolute error", "mean error", "CPU seconds"):
            line = ""
            for name in names:
                found = [row for row in rows if row["n"] == n and row["estimator"] == name]
                errors = np.array([row["value"] - row["truth"] for row in found])
                number = {
                    "mean absolute error": np.abs(errors).mean(),
                    "mean error": errors.mean(),
                    "CPU seconds": mean(found, "cpu_s"),
                }[what]
                line += f"{number:>{width}.3f}"
            lines.append(f"{what + f', n = {n}':<45}" + line)
    return "\n".join([*lines, ""])


def mean(rows, key):
    """Return the mean of one entry."""
    return float(np.mean([row[key] for row in rows]))


def write(path, rows):
    """Write the rows with what they were measured with."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described() | {"rows": rows}, indent=1) + "\n")
    print(f"wrote {path}")


def described():
    """Return the machine, the versions and the commit."""
    packages = ("mitools", "robustsplit", "numpy", "scipy", "numba", "scikit-learn", "ennemi")
    versions = {}
    for package in (*packages, "npeet", "frites"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT
    ).stdout.strip()
    return {
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "python": platform.python_version(),
        "versions": versions,
        "commit": commit,
    }


if __name__ == "__main__":
    main()
