"""EDGE beside KSG, numpy's histogram2d and the released code: CPU seconds, as a table and JSON.

Run ``python -m benchmarks.edge [--output FILE]``, on one thread. "cold" is the first call for a
number of samples, when the null of tie-free margins is not known yet; "warm" the median of later
calls on new data. Processes of their own measure the first call with an empty cache of compiled
code, the first call with a full one, and a stream of ten million rows with its peak memory. The
released code's 0.34 s and 5.6 s were measured apart, on an AMD EPYC core.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numba  # noqa: E402
import numpy as np  # noqa: E402

import mitools  # noqa: E402
from mitools import EDGE, KSG  # noqa: E402
from mitools.engines.cells import correction  # noqa: E402

#: Samples, width, CPU seconds of the released code where they were measured.
CASES = [
    (1000, 2, 0.34),
    (8000, 10, 5.6),
    (2000, 10, None),
    (1000, 1, None),
    (20_000, 1, None),
    (1_000_000, 1, None),
]
#: KSG is not run above this many samples here.
KSG_UP_TO = 50_000


def main():
    """Time every case, print the table, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/edge.json"))
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        apart = {
            name: in_a_process(script, cache)
            for name, script in (("cold", FIRST), ("cached", FIRST), ("stream_1e7", STREAM))
        }
    EDGE().estimate(*pairs(100, 1, 0))
    EDGE().estimate(*pairs(100, 5, 0))
    rows = [case(*each, arguments.repeats) for each in CASES]
    rows.append(projection(2000, 4096, arguments.repeats))
    header = (
        "n",
        "width",
        "edge_cold_s",
        "edge_warm_s",
        "ksg_s",
        "histogram2d_x10_s",
        "products_s",
        "released_s",
    )
    for name, seen in apart.items():
        print(f"{name}: " + ", ".join(f"{key} {number:.4g}" for key, number in seen.items()))
    print("  ".join(f"{name:>17}" for name in header))
    for row in rows:
        print("  ".join(f"{_shown(row.get(name)):>17}" for name in header))
    record = {
        "processes": apart,
        "rows": rows,
        "settings": {"estimator": repr(EDGE()), "r": 0.6, "repeats": arguments.repeats},
        "versions": {
            "mitools": mitools.__version__,
            "numpy": np.__version__,
            "numba": numba.__version__,
            "python": platform.python_version(),
        },
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "threads": 1,
        },
    }
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(record, indent=2) + "\n")
    print(f"written to {arguments.output}")


def case(n, width, released, repeats):
    """Return one row: median CPU seconds of each rival on the same data."""
    correction._NULLS.clear()
    start = time.process_time()
    value = EDGE().estimate(*pairs(n, width, 0)).value
    row = {"n": n, "width": width, "edge_cold_s": time.process_time() - start, "edge": value}
    row["truth"] = -width / 2 * np.log(1 - 0.36)
    row["released_s"] = released
    row["edge_warm_s"] = median(
        lambda seed: EDGE().estimate(*pairs(n, width, seed)), n, width, repeats
    )
    if n <= KSG_UP_TO:
        KSG().estimate(*pairs(n, width, 0))
        row["ksg"] = KSG().estimate(*pairs(n, width, 0)).value
        row["ksg_s"] = median(
            lambda seed: KSG().estimate(*pairs(n, width, seed)), n, width, repeats
        )
    if width == 1:
        row["histogram2d_x10_s"] = median(
            lambda seed: [
                np.histogram2d(*(side[:, 0] for side in pairs(n, 1, seed)), bins=32)
                for _ in range(10)
            ],
            n,
            width,
            min(repeats, 3),
        )
    return row


def projection(n, width, repeats):
    """Return the row of a wide case, with the bare product of both sides with 128 directions."""
    directions = np.random.default_rng(0).normal(size=(width, 128))
    return {
        "n": n,
        "width": width,
        "edge_warm_s": median(lambda s: EDGE().estimate(*pairs(n, width, s)), n, width, repeats),
        "products_s": median(
            lambda s: [side @ directions for side in pairs(n, width, s)], n, width, repeats
        ),
    }


FIRST = """
import json, time
import numpy as np
from mitools import EDGE
x, y = np.random.default_rng(0).normal(size=(2, 2000))
start = time.process_time()
EDGE().estimate(x, y)
end = time.process_time()
print(json.dumps({"call_s": end - start, "import_and_call_s": end}))
"""

STREAM = """
import json, time
import numpy as np
from mitools.streaming import stream_information
seen = []

def chunks():
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=10**6)
        y = 0.6 * x + 0.8 * rng.normal(size=10**6)
        yield x, y

stream_information([next(chunks())])  # compiled, or from the cache
start = time.process_time()
for _ in chunks():
    pass
made = time.process_time() - start
value = stream_information(chunks()).value
spent = time.process_time() - start - 2 * made
with open("/proc/self/status") as status:
    (peak,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM"))
truth = -np.log(1 - 0.36) / 2
print(json.dumps({"value": value, "truth": truth, "s": spent, "peak_mb": peak / 1024}))
"""


def in_a_process(script, cache):
    """Return what a script prints as JSON, run with a folder of its own for compiled code."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "NUMBA_CACHE_DIR": cache},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


_DATA = {}


def pairs(n, width, seed):
    """Return Gaussian pairs with correlation 0.6 in each column, made outside the timed part."""
    key = (n, width, seed)
    if key not in _DATA:
        if len(_DATA) > 8:
            _DATA.clear()
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(n, width))
        _DATA[key] = x, 0.6 * x + 0.8 * rng.normal(size=(n, width))
    return _DATA[key]


def median(call, n, width, repeats):
    """Return the median CPU seconds of `call(seed)` over new data."""
    seconds = []
    for seed in range(1, repeats + 1):
        pairs(n, width, seed)
        start = time.process_time()
        call(seed)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def _shown(value):
    return "" if value is None else f"{value:.4g}"


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
