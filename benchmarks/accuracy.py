"""How far estimators are from the truth: suites of known mutual information, as a table and JSON.

Run with ``python benchmarks/accuracy.py``; ``--quick`` takes a minute. Our estimators, and those
peers that are installed (benchmarks/peers.py), see the same samples. The suites are those
of `mitools.tasks`; ``--folder`` takes saved ones with a manifest instead. Errors are in nats.
"""

import argparse
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

from peers import peers  # noqa: E402 - after the number of threads

from mitools import (  # noqa: E402
    EDGE,
    KSG,
    MINE,
    SMILE,
    Auto,
    Canonical,
    GaussianCopula,
    InfoNCE,
    Learned,
)
from mitools.tasks import SUITES, run_tasks, saved_tasks, suite  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]

OURS = {
    "Auto": Auto(),
    "Canonical": Canonical(),
    "GaussianCopula": GaussianCopula(),
    "KSG": KSG(),
    "EDGE": EDGE(),
    "EDGE 4.3.1": EDGE.released("4.3.1"),
    "EDGE 4.4.1": EDGE.released("4.4.1"),
}

#: These train networks, take minutes a task, and run only when named (``--estimators InfoNCE``).
TRAINED = {"InfoNCE": InfoNCE(), "MINE": MINE(), "SMILE": SMILE(), "Learned": Learned()}

#: What the numbers depend on.
PACKAGES = (
    *("robustsplit", "numpy", "scipy", "numba", "scikit-learn", "ennemi", "npeet-plus", "frites"),
    *("infomeasure", "infopy-estimators", "dit"),
)


def main():
    """Run every estimator on every task, print the tables and write the JSON."""
    arguments = parsed()
    if arguments.folder:
        saved = saved_tasks(arguments.folder)
        suites = {name: saved[name] for name in arguments.suites or saved}
    else:
        suites = {name: suite(name) for name in arguments.suites or SUITES}
    known = OURS | peers() | TRAINED
    asked = arguments.estimators or known.keys() - TRAINED.keys()
    estimators = {name: estimator for name, estimator in known.items() if name in asked}
    if not estimators:
        raise SystemExit(f"none of these is installed; known: {', '.join(known)}")
    scores = run_tasks(
        suites, estimators, n=arguments.sizes, seeds=arguments.seeds, progress=progress
    )
    print(scores)
    scores.save(arguments.output, **environment())
    print(f"wrote {arguments.output}")


def parsed():
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suites", nargs="+", help="by default all")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000, 5000])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--estimators", nargs="+", help="names as in the table; default: all untrained"
    )
    parser.add_argument("--folder", type=Path, help="saved tasks, with manifest.csv")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/accuracy.json")
    parser.add_argument("--quick", action="store_true", help="one seed, n = 1000, the suite bend")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.seeds, arguments.sizes, arguments.suites = 1, [1000], ["bend"]
    return arguments


def progress(done: int, total: int) -> None:
    """Say on one line how far the run is, where somebody is looking."""
    if sys.stderr.isatty():
        end = "" if done < total else "\n"
        print(f"\r{done}/{total}", end=end, file=sys.stderr, flush=True)


def environment():
    """Return what the numbers were measured with."""
    versions = {}
    for package in PACKAGES:
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
