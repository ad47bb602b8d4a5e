"""KSG against its peers: one estimate, the same data, one process, alternating, medians.

    python benchmarks/ksg_speed.py                       # one thread, all sizes (about ten
    minutes) python benchmarks/ksg_speed.py --quick               # the small sizes
    python benchmarks/ksg_speed.py --two-threads         # ours alone, one thread against two

Peers: scikit-learn and ennemi at 1+1 dimensions; above, the neighbour trees of scikit-learn used
    the way
NPEET uses them (max norm), and a plain numpy KSG of Euclidean sides on whole distance matrices,
which selects instead of sorting. Each prints its value, so that a fast wrong answer shows. Times
are CPU seconds for one thread, wall seconds for two; compilation is timed apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

TWO_THREADS = "--two-threads" in sys.argv
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported
os.environ["NUMBA_NUM_THREADS"] = "2" if TWO_THREADS else "1"

import numba  # noqa: E402
import numpy as np  # noqa: E402
from scipy.spatial.distance import cdist  # noqa: E402
from scipy.special import digamma  # noqa: E402
from sklearn.feature_selection import mutual_info_regression  # noqa: E402
from sklearn.neighbors import KDTree as SklearnTree  # noqa: E402

from mitools.estimators.ksg import KSG  # noqa: E402

#: (dimensions a side, n, repetitions, the slowest peers left out)
CASES = [
    (1, 1_000, 15, ()),
    (1, 10_000, 9, ("numpy",)),
    (1, 100_000, 5, ("numpy",)),
    (1, 1_000_000, 1, ("numpy",)),
    (3, 1_000, 9, ()),
    (3, 10_000, 5, ("numpy",)),
    (3, 100_000, 1, ("numpy",)),
    (10, 1_000, 9, ()),
    (10, 10_000, 1, ()),
    (50, 10_000, 1, ("trees",)),
    (512, 1_000, 5, ("trees",)),
    (512, 5_000, 1, ("trees",)),
]
QUICK = 10_000


def scikit_learn(x, y, k):
    """KSG 1 of scikit-learn, one feature a side."""
    return float(mutual_info_regression(x, y[:, 0], n_neighbors=k)[0])


def ennemi_(x, y, k):
    """KSG 1 of ennemi, one feature a side."""
    import ennemi

    return float(np.ravel(ennemi.estimate_mi(y[:, 0], x[:, 0], k=k))[0])


def trees(x, y, k):
    """KSG 1 in the max norm from scikit-learn's trees, as NPEET does it."""
    joint = np.hstack([x, y])
    radius = SklearnTree(joint, metric="chebyshev").query(joint, k=k + 1)[0][:, -1]
    within = [
        SklearnTree(side, metric="chebyshev").query_radius(
            side, np.nextafter(radius, 0), count_only=True
        )
        for side in (x, y)
    ]
    return float(digamma(k) + digamma(len(x)) - np.mean(sum(digamma(count) for count in within)))


def numpy_(x, y, k):
    """KSG 1 with Euclidean sides from whole rows of distances."""
    total, rows = 0.0, 500
    for start in range(0, len(x), rows):
        in_x = cdist(x[start : start + rows], x, "sqeuclidean")
        in_y = cdist(y[start : start + rows], y, "sqeuclidean")
        radius = np.partition(np.maximum(in_x, in_y), k, axis=1)[:, k, None]
        total += sum(digamma((side < radius).sum(axis=1)).sum() for side in (in_x, in_y))
    return float(digamma(k) + digamma(len(x)) - total / len(x))


def peers(d, left_out):
    """Return the peers that take d features a side."""
    known = {"scikit-learn": scikit_learn, "ennemi": ennemi_} if d == 1 else {}
    known |= {"trees": trees, "numpy": numpy_}
    return {name: call for name, call in known.items() if name not in left_out}


def data(d, n, seed=0):
    """Return correlated Gaussian sides."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, 0.7 * x + np.sqrt(0.51) * rng.standard_normal((n, d))


def timed(call, clock):
    """Return what a call gives and the seconds it took."""
    start = clock()
    value = call()
    return value, clock() - start


def measure(case, k=4):
    """Return one row: median seconds and value of each, and how many times faster we are."""
    d, n, repetitions, left_out = case
    x, y = data(d, n)
    calls = {"mitools": lambda: KSG(k=k).estimate(x, y).value}
    for name, call in peers(d, left_out).items():
        calls[name] = lambda call=call: call(x, y, k)
    for call in calls.values() if n <= QUICK and d <= 10 else ():
        call()  # warm up
    seconds = {name: [] for name in calls}
    values = {}
    for _ in range(repetitions):
        for name, call in calls.items():
            values[name], spent = timed(call, time.process_time)
            seconds[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    fastest = min((name for name in medians if name != "mitools"), key=medians.__getitem__)
    return {
        "dimensions": d,
        "n": n,
        "repetitions": repetitions,
        "cpu_seconds": medians,
        "nats": values,
        "fastest_peer": fastest,
        "times_faster": medians[fastest] / medians["mitools"],
    }


def measure_threads(case, k=4):
    """Return one row: wall seconds of ours with one thread and with two, alternating."""
    d, n, repetitions, _ = case
    x, y = data(d, n)
    seconds = {1: [], 2: []}
    for _ in range(max(repetitions, 3)):
        for threads in (1, 2):
            numba.set_num_threads(threads)
            seconds[threads].append(
                timed(lambda: KSG(k=k).estimate(x, y).value, time.perf_counter)[1]
            )
    one, two = (min(seconds[threads]) for threads in (1, 2))
    return {"dimensions": d, "n": n, "wall_seconds": {"1": one, "2": two}, "speed_up": one / two}


def environment():
    """Return versions and machine."""
    names = ["numpy", "scipy", "numba", "scikit-learn", "ennemi"]
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return {
        "python": platform.python_version(),
        "packages": found,
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


def processor():
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    """Run the cases, print a line each and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only up to n = 10,000")
    parser.add_argument("--two-threads", action="store_true", help="ours, one thread against two")
    parser.add_argument("--out", default=None, help="where to write the JSON")
    options = parser.parse_args()
    compile_seconds = {
        d: timed(lambda d=d: KSG().estimate(*data(d, 100)), time.perf_counter)[1]
        for d in (1, 3, 10)
    }
    rows = []
    for case in CASES:
        if options.quick and case[1] > QUICK:
            continue
        row = measure_threads(case) if options.two_threads else measure(case)
        rows.append(row)
        sys.stdout.write(line(row) + "\n")
        sys.stdout.flush()
    name = "ksg_threads.json" if options.two_threads else "ksg_speed.json"
    out = Path(options.out or Path(__file__).with_name("results") / name)
    out.parent.mkdir(exist_ok=True)
    first_calls = {f"{d}+{d}": spent for d, spent in compile_seconds.items()}
    record = {"environment": environment(), "first_call_seconds": first_calls, "rows": rows}
    out.write_text(json.dumps(record, indent=1) + "\n")


def line(row):
    """Return one row as a line of text."""
    head = f"{row['dimensions']:>3}+{row['dimensions']:<3} n={row['n']:<8}"
    if "speed_up" in row:
        one, two = row["wall_seconds"].values()
        return f"{head} one thread {one:.4f} s, two {two:.4f} s: x {row['speed_up']:.2f}"
    times = ", ".join(
        f"{name} {spent:.4f} s ({row['nats'][name]:.3f})"
        for name, spent in row["cpu_seconds"].items()
    )
    return f"{head} x {row['times_faster']:.1f} of {row['fastest_peer']}: {times}"


if __name__ == "__main__":
    main()
