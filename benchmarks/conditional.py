"""How often the conditional test rejects where X and Y are independent given Z, and where not.

Run with ``python benchmarks/conditional.py`` (half an hour on two cores); ``--draws 20`` takes
minutes. Kinds of columns that people bring: binary, levels, counts, heavy tails, with Z discrete,
continuous or both. Each is drawn afresh many times and tested at 5 %: the level at independence
given Z, the mean estimate (truth 0), and the power at a partial correlation of 0.4, n = 500. A
table and JSON.
"""

import argparse
import json
import os
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402 - after the number of threads
from accuracy import ROOT, environment  # noqa: E402

from mitools import conditional_independence_test  # noqa: E402

#: Permutations of each test: p <= 0.05 has probability 0.05 where they are exact.
PERMUTATIONS = 19
#: Partial correlation for the power.
RHO = 0.4


def noise(r, n, rho):
    """Return two normal columns with correlation rho."""
    first, second = r.normal(size=(2, n))
    return first, rho * first + np.sqrt(1 - rho**2) * second


def coins(r, logits):
    """Return two columns of 0 and 1 with the same probabilities, drawn apart."""
    return (r.random((2, len(logits))) < 1 / (1 + np.exp(-logits))) * 1.0


def normal_z(r, n, d):
    """Return d independent columns, and their sum with variance 1."""
    z = r.normal(size=(n, d))
    return z, z.sum(axis=1) / np.sqrt(d)


def flipped(r, n, rho):
    """Return a coin, and two copies of it with errors of their own."""
    z = r.integers(2, size=n)
    x, y = z ^ (r.random((2, n)) < 0.2)
    return x, y, z


def binary(r, n, rho, d):
    """Return binary X and Y of continuous Z."""
    z, shared = normal_z(r, n, d)
    return *coins(r, 2 * shared), z


def binary_of_age(r, n, rho):
    """Return binary X and Y of an age in years."""
    z = r.integers(20, 60, size=n)
    return *coins(r, (z - 40) / 8), z


def sums(r, n, rho):
    """Return sums of three columns of three levels, each with a coin of its own."""
    z = r.integers(3, size=(n, 3))
    x, y = z.sum(axis=1) + r.integers(2, size=(2, n))
    return x, y, z


def normal(r, n, rho, d):
    """Return normal X and Y of continuous Z."""
    z, shared = normal_z(r, n, d)
    e, f = noise(r, n, rho)
    return shared + e, shared + f, z


def lognormal(r, n, rho, d, sigma):
    """Return the same with heavy tails."""
    x, y, z = normal(r, n, rho, d)
    return np.exp(sigma * x), np.exp(sigma * y), z


def of_levels(r, n, rho, levels):
    """Return normal X and Y of a Z with levels."""
    z = r.integers(levels, size=n)
    e, f = noise(r, n, rho)
    return z + e, z + f, z


def of_age(r, n, rho):
    """Return normal X and Y of an age in years."""
    z = r.integers(20, 60, size=n)
    e, f = noise(r, n, rho)
    return (z - 40) / 10 + e, (z - 40) / 10 + f, z


def whole_of_age(r, n, rho):
    """Return whole-number X and Y of an age in years."""
    x, y, z = of_age(r, n, rho)
    return np.round(5 * x), np.round(5 * y), z


def likert(r, n, rho, d):
    """Return answers on five levels, of continuous Z."""
    x, y, z = normal(r, n, rho, d)
    return *(np.clip(np.round(1.5 * side), -2, 2) for side in (x, y)), z


def likert_and_tails(r, n, rho):
    """Return five levels and a heavy-tailed column, of continuous Z."""
    x, y, z = normal(r, n, rho, 3)
    return np.clip(np.round(1.5 * x), -2, 2), np.exp(2 * y), z


def poisson(r, n, rho):
    """Return counts with one rate, of continuous Z."""
    z = r.normal(size=(n, 2))
    return *r.poisson(np.exp(1 + z[:, 0] / 2), size=(2, n)), z


def both_kinds(r, n, rho):
    """Return normal X and Y of a Z with a continuous and a binary column that interact."""
    z, switch = r.normal(size=n), r.integers(2, size=n)
    e, f = noise(r, n, rho)
    shared = np.where(switch == 1, z, -z) + switch
    return shared + e, shared + f, np.column_stack([z, switch])


def equal(r, n, rho):
    """Return a Z that is X."""
    z, y = r.normal(size=(2, n))
    return z, z + y, z


#: Name: how it is drawn, and n; n = 500 where a partial correlation can be set.
KINDS = {
    "binary | binary": (flipped, 300),
    "binary | 1 continuous": (partial(binary, d=1), 300),
    "binary | 3 continuous": (partial(binary, d=3), 300),
    "binary | 5 continuous": (partial(binary, d=5), 300),
    "binary | age": (binary_of_age, 300),
    "sums | 3 columns of 3 levels": (sums, 500),
    "counts | 2 continuous": (poisson, 500),
    "equal to Z": (equal, 500),
    "normal | 1 continuous": (partial(normal, d=1), 500),
    "normal | 5 continuous": (partial(normal, d=5), 500),
    "normal | binary": (partial(of_levels, levels=2), 500),
    "normal | five levels": (partial(of_levels, levels=5), 500),
    "normal | age": (of_age, 500),
    "whole numbers | age": (whole_of_age, 500),
    "normal | continuous and binary": (both_kinds, 500),
    "lognormal | 3 continuous": (partial(lognormal, d=3, sigma=2), 500),
    "lognormal | 4 continuous": (partial(lognormal, d=4, sigma=2), 500),
    "lognormal | 5 continuous": (partial(lognormal, d=5, sigma=3), 500),
    "five levels | 2 continuous": (partial(likert, d=2), 500),
    "five levels, lognormal | 3": (likert_and_tails, 500),
}
#: Kinds without a partial correlation to set.
LEVEL_ONLY = list(KINDS)[:8]


def tested(job):
    """Return the p value of one test, the estimate, and the seconds of the test."""
    name, rho, seed = job
    warnings.simplefilter("ignore")
    draw, n = KINDS[name]
    data = draw(np.random.default_rng([seed, int(1000 * rho)]), n, rho)
    start = time.perf_counter()
    test = conditional_independence_test(*data, n_permutations=PERMUTATIONS)
    return test.p_value, test.estimate.value, time.perf_counter() - start


def row(name, draws, pool):
    """Return one row of the table."""
    found = np.array(list(pool.map(tested, [(name, 0.0, seed) for seed in range(draws)])))
    power = None
    if name not in LEVEL_ONLY:
        jobs = [(name, RHO, seed) for seed in range(max(draws // 2, 1))]
        power = float(np.mean([p <= 0.05 for p, _, _ in pool.map(tested, jobs)]))
    return {
        "kind": name,
        "n": KINDS[name][1],
        "draws": draws,
        "level": float((found[:, 0] <= 0.05).mean()),
        "mean": float(found[:, 1].mean()),
        "sd": float(found[:, 1].std()),
        "power": power,
        "seconds": float(np.median(found[:, 2])),
    }


def line(one):
    """Return a row as text."""
    power = "" if one["power"] is None else f"{one['power']:.2f}"
    return (
        f"| {one['kind']} | {one['n']} | {one['level']:.3f} | {power} "
        f"| {one['mean']:+.3f} | {one['sd']:.3f} |"
    )


def main():
    """Test every kind, print the table, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--output", type=Path, default=ROOT / "benchmarks/results/conditional.json"
    )
    arguments = parser.parse_args()
    rows = []
    print(
        "| X, Y given Z | n | level at 5 % | power | mean at 0 | sd |\n|---|---|---|---|---|---|"
    )
    with ProcessPoolExecutor(arguments.workers) as pool:
        for name in arguments.kinds:
            rows.append(row(name, arguments.draws, pool))
            print(line(rows[-1]), flush=True)
            result = {"rows": rows, "permutations": PERMUTATIONS, "rho": RHO, **environment()}
            arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
