"""KSG and EDGE against their peers: the same data, one process, alternating calls, medians.

    python benchmarks/speed.py                # everything: about fifteen minutes
    python benchmarks/speed.py --quick        # up to n = 10,000: about two minutes
    python benchmarks/speed.py --two-threads  # ours alone, one thread against two

Prints Markdown tables and writes JSON with versions and machine. Peers of KSG: scikit-learn and
ennemi at 1+1 dimensions; above, the neighbour trees of scikit-learn used the way NPEET uses them
(max norm), and a plain numpy KSG of Euclidean sides on whole distance matrices, which selects
instead of sorting; NPEET and dit themselves where they are installed. dit counts the neighbour at
the radius too, which is not eq. 8: it is shown, not raced. The peer of EDGE with its ten members
is ten calls of numpy's histogram2d. Each gives its value, so that a fast wrong answer shows.

Times are CPU seconds for one thread, the least of several wall seconds for two, which a second
process measures; BLAS has one thread in both, so that the one-thread time is one. The memory of an
estimate, beyond its data, and its first call, with nothing compiled and from the cache, are
measured in processes of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

TWO_THREADS = "--two-threads" in sys.argv
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"  # before numpy is imported
os.environ["NUMBA_NUM_THREADS"] = "2" if TWO_THREADS else "1"

import numba  # noqa: E402
import numpy as np  # noqa: E402
from machine import environment, first_call_seconds, peak_memory  # noqa: E402
from scipy.spatial.distance import cdist  # noqa: E402
from scipy.special import digamma  # noqa: E402
from sklearn.feature_selection import mutual_info_regression  # noqa: E402
from sklearn.neighbors import KDTree as SklearnTree  # noqa: E402

from mitools import EDGE  # noqa: E402
from mitools.estimators.ksg import KSG  # noqa: E402

#: (dimensions a side, n, repetitions, the slowest peers left out)
CASES = [
    (1, 1_000, 51, ("numpy",)),
    (1, 10_000, 9, ("numpy",)),
    (1, 100_000, 5, ("numpy", "npeet", "dit")),
    (1, 1_000_000, 1, ("numpy", "npeet", "dit")),
    (3, 1_000, 21, ()),
    (3, 10_000, 7, ("numpy",)),
    (3, 100_000, 1, ("numpy", "npeet", "dit")),
    (10, 1_000, 15, ()),
    (10, 10_000, 3, ()),
    (50, 10_000, 1, ("trees", "npeet", "dit")),
    (512, 1_000, 5, ("trees", "npeet", "dit")),
    (512, 5_000, 1, ("trees", "npeet", "dit")),
]
QUICK = 10_000

#: The same of EDGE: (dimensions a side, n, repetitions).
EDGE_CASES = [(1, 1_000, 15), (1, 10_000, 9), (1, 100_000, 5), (1, 1_000_000, 3)]

#: Shown, but not raced: their value is another.
NOT_RACED = ("dit",)

#: Of the packages named in the JSON.
PACKAGES = ("robustsplit", "numpy", "scipy", "numba", "scikit-learn", "ennemi", "npeet", "dit")

#: (dimensions a side, n) whose first call and whose memory are measured.
FIRST_CALLS = [(1, 1_000), (1, 10_000), (3, 10_000), (10, 1_000)]
MEMORY = [(1, 10_000), (1, 1_000_000), (3, 10_000), (3, 100_000), (10, 10_000), (512, 5_000)]

#: Bins a side of numpy's histograms.
BINS = 32


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


def npeet_(x, y, k):
    """KSG 1 of NPEET."""
    from npeet import entropy_estimators

    return float(entropy_estimators.mi(x, y, k=k, base=np.e))


def dit_(x, y, k):
    """The total correlation of two sides, by dit."""
    from dit.inference import total_correlation_ksg

    columns = list(range(x.shape[1] + y.shape[1]))
    sides = [columns[: x.shape[1]], columns[x.shape[1] :]]
    return float(total_correlation_ksg(np.hstack([x, y]), sides, k=k)) * np.log(2)


def peers(d, left_out):
    """Return the peers that are installed and take d features a side."""
    known = {"scikit-learn": scikit_learn, "ennemi": ennemi_} if d == 1 else {}
    known |= {"trees": trees, "numpy": numpy_, "npeet": npeet_, "dit": dit_}
    needed = {"ennemi", "npeet", "dit"}
    return {
        name: call
        for name, call in known.items()
        if name not in left_out and (name not in needed or find_spec(name))
    }


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
    return {"estimator": "KSG", "dimensions": d, "n": n} | race(
        calls, repetitions, warm=n <= QUICK and d <= 10
    )


def measure_edge(case):
    """Return one row: EDGE with ten members, and ten histograms."""
    d, n, repetitions = case
    x, y = data(d, n)
    calls = {
        "mitools": lambda: EDGE().estimate(x, y).value,
        "10 histogram2d": lambda: max(histogram(x, y) for _ in range(10)),
    }
    return {"estimator": "EDGE", "dimensions": d, "n": n} | race(calls, repetitions, warm=True)


def histogram(x, y):
    """Return the plug-in value of one numpy histogram, in nats."""
    joint = np.histogram2d(x[:, 0], y[:, 0], bins=BINS)[0] / len(x)
    apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / apart[seen])).sum())


def race(calls, repetitions, warm):
    """Return median CPU seconds and the value of each call, alternating, and our advantage."""
    for call in calls.values() if warm else ():
        call()
    seconds = {name: [] for name in calls}
    values = {}
    shuffler = random.Random(0)
    for _ in range(repetitions):
        # in any order: none always follows the one that leaves the caches full of its own
        for name in shuffler.sample(list(calls), len(calls)):
            values[name], spent = timed(calls[name], time.process_time)
            seconds[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in seconds.items()}
    raced = [name for name in medians if name not in ("mitools", *NOT_RACED)]
    fastest = min(raced, key=medians.__getitem__)
    return {
        "repetitions": repetitions,
        "cpu_seconds": medians,
        "values": values,
        "fastest_peer": fastest,
        "times_faster": medians[fastest] / medians["mitools"],
    }


def measure_threads(case, k=4):
    """Return one row: wall seconds of KSG with one thread and with two, alternating."""
    d, n, repetitions = case[:3]
    x, y = data(d, n)
    seconds = {1: [], 2: []}
    for _ in range(max(repetitions, 5)):
        for threads in (1, 2):
            numba.set_num_threads(threads)
            seconds[threads].append(
                timed(lambda: KSG(k=k).estimate(x, y).value, time.perf_counter)[1]
            )
    one, two = (min(seconds[threads]) for threads in (1, 2))
    row = {"estimator": "KSG", "dimensions": d, "n": n}
    return row | {"wall_seconds": {"1": one, "2": two}, "speed_up": one / two}


def main():
    """Run the cases, print the table and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only up to n = 10,000")
    parser.add_argument("--two-threads", action="store_true", help="ours, one thread against two")
    parser.add_argument("--output", type=Path, default=None, help="where to write the JSON")
    options = parser.parse_args()
    top = QUICK if options.quick else np.inf
    cases = [case for case in CASES if case[1] <= top]
    record = {"environment": environment(PACKAGES)}
    if options.two_threads:
        for d in (1, 3, 10):
            KSG().estimate(*data(d, 1_000))
            KSG().estimate(*data(d, 5_000))
        record["rows"] = shown(measure_threads, cases)
    else:
        sys.stdout.write("| estimator | dimensions | n | mitools | peers | advantage |\n")
        sys.stdout.write("|---|---|---|---|---|---|\n")
        record["rows"] = shown(measure, cases)
        record["rows"] += shown(measure_edge, [case for case in EDGE_CASES if case[1] <= top])
        record["threads"] = in_two_threads(options.quick)
        sys.stdout.write("\n| KSG | n | first call | from the cache |\n|---|---|---|---|\n")
        record["first_calls"] = shown(measure_first_call, FIRST_CALLS)
        sys.stdout.write("\n| KSG | n | data | memory beyond |\n|---|---|---|---|\n")
        record["memory"] = shown(measure_memory, [case for case in MEMORY if case[1] <= top])
    name = "speed_threads.json" if options.two_threads else "speed.json"
    output = options.output or Path(__file__).with_name("results") / name
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(record, indent=1) + "\n")


def measure_first_call(case):
    """Return one row: wall seconds of a first estimate, compiling and from the cache."""
    d, n = case
    return {"dimensions": d, "n": n, "first_call_seconds": first_call_seconds(d, n)}


def measure_memory(case):
    """Return one row: megabytes of the data, and of an estimate beyond them."""
    d, n = case
    megabytes = {"data": 2 * 8 * d * n / 2**20, "beyond": peak_memory(d, n)}
    return {"dimensions": d, "n": n, "megabytes": megabytes}


def in_two_threads(quick):
    """Return the rows of the same script with two threads, from a process of its own."""
    sys.stdout.write("\n| estimator | dimensions | n | one thread | two | advantage |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    sys.stdout.flush()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "threads.json"
        command = [sys.executable, __file__, "--two-threads", "--output", str(output)]
        subprocess.run(command + ["--quick"] * quick, check=True)
        return json.loads(output.read_text())["rows"]


def shown(function, cases):
    """Return the row of each case, printed as soon as it is there."""
    rows = []
    for case in cases:
        rows.append(function(case))
        sys.stdout.write(line(rows[-1]) + "\n")
        sys.stdout.flush()
    return rows


def line(row):
    """Return one row as a line of a Markdown table."""
    head = f"| {row['dimensions']}+{row['dimensions']} | {row['n']:,} |"
    if "first_call_seconds" in row:
        cold, cached = row["first_call_seconds"].values()
        return f"{head} {clock(cold)} | {clock(cached)} |"
    if "megabytes" in row:
        size, beyond = row["megabytes"].values()
        return f"{head} {size:.3g} MB | {'not known' if beyond is None else f'{beyond:.3g} MB'} |"
    head = f"| {row['estimator']} {head}"
    if "speed_up" in row:
        one, two = row["wall_seconds"].values()
        return f"{head} {clock(one)} | {clock(two)} | {row['speed_up']:.2f} |"
    times = row["cpu_seconds"]
    rivals = ", ".join(
        f"{name} {clock(spent)}" for name, spent in times.items() if name != "mitools"
    )
    return f"{head} {clock(times['mitools'])} | {rivals} | {row['times_faster']:.1f} |"


def clock(seconds):
    """Return seconds for people."""
    return f"{1000 * seconds:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    main()
