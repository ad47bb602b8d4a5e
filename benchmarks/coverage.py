"""How often the interval of `assess` holds the truth, and how wrong "magnitude usable" can be.

Run with ``python benchmarks/coverage.py``; ``--quick`` takes two minutes. Situations of known
information (closed forms, or numerical integrals), each drawn afresh many times and assessed. For
each: the share called "magnitude usable", and among those the share whose 90 % interval holds the
truth, the largest relative error, and how many are off by more than 25 %. A table and JSON.
"""

import argparse
import json
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the number of threads
from accuracy import ROOT, environment  # noqa: E402
from scipy.special import digamma, gammaln  # noqa: E402

from mitools import EDGE, KSG, Auto, Labels, Verdict, assess  # noqa: E402
from mitools.distributions import AdditiveUniform, Circular  # noqa: E402
from mitools.tasks import Task, suite  # noqa: E402
from mitools.tasks.bend import turned  # noqa: E402
from mitools.tasks.fresh import sine, skewed  # noqa: E402
from mitools.tasks.mixtures import changed_normal  # noqa: E402
from mitools.tasks.truths import entropy_on_grid, normal_density  # noqa: E402

ESTIMATORS = {"KSG": KSG(), "EDGE": EDGE(), "Auto": Auto(), "Labels": Labels()}

#: A magnitude called usable must be this near, relative to the truth.
ALLOWED = 0.25

#: Least coverage of the 90 % interval, in situations that are called usable this often.
TARGET, OFTEN = 0.85, 0.1

#: Shuffled pairings: they decide whether there is dependence, and have no part in the interval.
PERMUTATIONS = 19


class Setting(NamedTuple):
    """One row of the table."""

    task: Task
    n: int
    estimator: str


def of_suite(name, task):
    """Return one task of a suite of mitools."""
    return next(each for each in suite(name) if each.name == task)


def normal(r, d, pairs=1):
    """Return standard normal sides of d columns, the first `pairs` of them with correlation r."""
    more = f", {pairs} pairs" if pairs > 1 else ""
    return changed_normal(f"normal r={r:g} {d}+{d}{more}", [r] * pairs, d, d)


def known(name, distribution):
    """Return the task of one of the distributions of mitools."""
    seeds = np.random.default_rng

    def draw(n, rng):
        return distribution._sample(n, seeds(rng.integers(2**32)))

    return Task(name, draw, lambda: distribution.mutual_information)


def student(r, freedom, d=1):
    """Return two Student sides of d columns each, with correlation r between each pair."""
    normals = normal(r, d, d)

    def draw(n, rng):
        x, y = normals.draw(n, rng)
        scale = np.sqrt(freedom / rng.chisquare(freedom, size=(n, 1)))
        return x * scale, y * scale

    def entropy(width):  # of independent columns with a common scale
        half = (freedom + width) / 2
        return (
            width / 2 * np.log(freedom * np.pi)
            + gammaln(freedom / 2)
            - gammaln(half)
            + half * (digamma(half) - digamma(freedom / 2))
        )

    truth = float(2 * entropy(d) - entropy(2 * d)) + normals.mutual_information
    return Task(f"Student {freedom}, r={r:g} {d}+{d}", draw, truth)


def cauchy(noise):
    """Return a Cauchy column and the same with Cauchy noise."""

    def draw(n, rng):
        x = rng.standard_cauchy(size=(n, 1))
        return x, x + noise * rng.standard_cauchy(size=(n, 1))

    return Task(f"Cauchy, noise {noise:g}", draw, float(np.log1p(1 / noise)))


def scaled_noise():
    """Return a normal column and noise whose size is a function of it."""

    def draw(n, rng):
        x = rng.uniform(-1, 1, size=(n, 1))
        return x, np.exp(2 * x) * rng.normal(size=(n, 1))

    def truth():
        scale = np.exp(2 * (np.arange(2000) + 0.5) / 1000 - 2)[:, None]

        def density(z):  # of ln |y|: the sign says nothing
            y = np.exp(z)
            return 2 * y * normal_density(y, 0.0, scale).mean(axis=0)

        given = entropy_on_grid(lambda z: 2 * np.exp(z) * normal_density(np.exp(z), 0, 1), -18, 5)
        return entropy_on_grid(density, -18, 8) - given

    return Task("noise of varying size 1+1", draw, truth)


def classes(count, distance, d):
    """Return normal features and one of `count` labels, whose means lie on a line."""

    def draw(n, rng):
        label = rng.integers(count, size=n)
        x = rng.normal(size=(n, d))
        x[:, 0] += distance * label
        return x, label[:, None].astype(float)

    def truth():
        means = distance * np.arange(count)[:, None]

        def density(t):
            return normal_density(t, means, 1.0).mean(axis=0)

        return entropy_on_grid(density, -9, means.max() + 9) - 0.5 * np.log(2 * np.pi * np.e)

    return Task(f"{count} labels, {distance:g} apart, {d}+1", draw, truth)


def wiggly(x):
    """Bend a column without folding it."""
    return x + 0.9 * np.sin(x)


PLAIN = [
    normal(0.2, 1),
    normal(0.3, 1),
    normal(0.6, 1),
    normal(0.9, 1),
    normal(0.99, 1),
    changed_normal("wiggly r=0.8 1+1", [0.8], 1, 1, wiggly, wiggly),
    changed_normal("skewed r=0.7 1+1", [0.7], 1, 1, skewed, lambda y: np.sinh(2 * y)),
    known("uniform noise 0.5 1+1", AdditiveUniform(0.5, 1)),
    known("uniform noise 2 1+1", AdditiveUniform(2.0, 1)),
    known("circle 0.25", Circular(0.25)),
    known("circle 0.02", Circular(0.02)),
    student(0.0, 1),
    student(0.6, 3),
    cauchy(0.5),
    sine(6.0, 0.3),
    replace(sine(20.0, 0.3), name="fast sine 1+1"),
    of_suite("fresh", "ring 1+1"),
    scaled_noise(),
    of_suite("bend", "X 1+1"),
    of_suite("bend", "AI 1+1"),
]
WIDER = [
    normal(0.3, 3),
    normal(0.6, 3),
    normal(0.9, 3),
    normal(0.6, 3, 3),
    normal(0.9, 3, 3),
    normal(0.6, 10),
    normal(0.9, 10),
    normal(0.5, 10, 10),
    student(0.3, 2, 3),
    changed_normal("spiral r=0.8 3+3", [0.8] * 2, 3, 3, turned(0.5)),
    *(of_suite("fresh", name) for name in ("product 2+1", "shared scale 1+1", "6 clusters 2+2")),
    *(of_suite("bend", name) for name in ("galaxy 2+1", "concentric 3+1", "inliers 3+3")),
    of_suite("fresh", "shared scale 6+6"),
    changed_normal("skewed 10+10", [0.7, 0.6, 0.5, 0.4], 10, 10, skewed, skewed),
]
LABELLED = [classes(2, 1.0, 1), classes(2, 3.0, 1), classes(2, 2.0, 10), classes(10, 1.5, 3)]

#: By name: the situations, their estimators, and the numbers of samples.
GROUPS = {
    "plain": (PLAIN, ("KSG", "EDGE"), (300, 1000, 3000)),
    "auto": (PLAIN, ("Auto",), (1000,)),
    "wider": (WIDER, ("KSG", "EDGE"), (1000,)),
    "labels": (LABELLED, ("Labels",), (1000,)),
}


def main():
    """Assess every situation many times, print the table and write the JSON."""
    arguments = parsed()
    settings = [
        Setting(task, n, estimator)
        for group in arguments.groups
        for tasks, estimators, sizes in [GROUPS[group]]
        for n in (arguments.sizes or sizes)
        for estimator in estimators
        for task in tasks
    ]
    rows = []
    print(HEADER)
    with ProcessPoolExecutor(arguments.processes) as pool:
        for setting in settings:
            start = time.perf_counter()
            truth = setting.task.mutual_information
            names = [(setting.task.name, setting.n, setting.estimator)] * arguments.repetitions
            found = list(pool.map(repetition, names, range(arguments.repetitions), chunksize=5))
            rows.append(row(setting, truth, found) | {"seconds": time.perf_counter() - start})
            print(line(rows[-1]), flush=True)
    print(summary(rows))
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(environment() | {"rows": rows}, indent=1) + "\n")
    print(f"wrote {arguments.output}")


def parsed():
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--sizes", nargs="+", type=int, help="numbers of samples")
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/results/coverage.json")
    parser.add_argument("--quick", action="store_true", help="1+1, n = 1000, 20 repetitions")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.groups, arguments.sizes, arguments.repetitions = ["plain"], [1000], 20
    return arguments


def repetition(names, seed):
    """Return the value, the ends of the interval, and whether it is called usable."""
    name, n, estimator = names
    task = next(task for task in (*PLAIN, *WIDER, *LABELLED) if task.name == name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = assess(
            *task.sample(n, seed),
            estimator=ESTIMATORS[estimator],
            n_permutations=PERMUTATIONS,
            seed=seed,
        )
    return found.value, *found.interval, found.verdict is Verdict.USABLE


def row(setting, truth, found):
    """Return one row of the table."""
    values, low, high, usable = np.array(found).T
    usable = usable.astype(bool)
    holds = (low <= truth) & (truth <= high)
    errors = np.abs(values - truth)[usable] / truth
    return {
        "task": setting.task.name,
        "n": setting.n,
        "estimator": setting.estimator,
        "truth": truth,
        "mean": float(values.mean()),
        "sd": float(values.std()),
        "repetitions": len(found),
        "usable": int(usable.sum()),
        "covered": int(holds[usable].sum()),
        "covered_of_all": int(holds.sum()),
        "half_width": float((high - low)[usable].mean() / 2) if usable.any() else None,
        "worst": float(errors.max()) if usable.any() else None,
        "beyond": int((errors > ALLOWED).sum()),
    }


HEADER = (
    f"{'situation':<28}{'n':>6}  {'estimator':<9}{'truth':>7}{'mean':>7}{'sd':>7}  "
    f"{'usable':>6}{'covered':>9}{'worst':>7}{'> 25 %':>7}"
)


def line(row):
    """Return one line of the table: shares in percent, of the usable but for the first."""
    usable = f"{row['usable'] / row['repetitions']:>6.0%}"
    covered = f"{row['covered'] / row['usable']:>9.0%}" if row["usable"] else f"{'':>9}"
    worst = f"{row['worst']:>7.0%}" if row["usable"] else f"{'':>7}"
    return (
        f"{row['task']:<28}{row['n']:>6}  {row['estimator']:<9}{row['truth']:>7.3f}"
        f"{row['mean']:>7.3f}{row['sd']:>7.3f}  {usable}{covered}{worst}{row['beyond']:>7}"
    )


def summary(rows):
    """Return the totals by estimator and number of samples."""
    lines = []
    for key in dict.fromkeys((row["estimator"], row["n"]) for row in rows):
        chosen = [row for row in rows if (row["estimator"], row["n"]) == key]
        often = [row for row in chosen if row["usable"] >= OFTEN * row["repetitions"]]
        under = sum(row["covered"] < TARGET * row["usable"] for row in often)
        total, covered, beyond, all_of = (
            sum(row[name] for row in chosen)
            for name in ("usable", "covered", "beyond", "repetitions")
        )
        lines.append(
            f"{key[0]}, n = {key[1]}: {total} of {all_of} usable, {covered / max(total, 1):.1%} "
            f"of them covered, {beyond} off by more than {ALLOWED:.0%}; coverage below "
            f"{TARGET:.0%} in {under} of {len(often)} situations that are usable at least "
            f"{OFTEN:.0%} of the time"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
