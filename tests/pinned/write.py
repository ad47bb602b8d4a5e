"""Write the file of pinned values anew, and print what changed: `python -m tests.pinned.write`.

Name every change that is meant under "Numbers that changed" in CHANGELOG.md.

With `--tolerances`, on a machine other than the file's, or under another BLAS kernel
(`OPENBLAS_CORETYPE=Haswell`), values stay as they are, and those that differ by more than 1e-9
here get a tolerance of twice the difference. That is a confession, not a mending: do it only where
the last bit of a sum rightly decides more.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping

from tests.pinned import assessments, estimates, networks, trained
from tests.pinned.stored import (
    ELSEWHERE,
    FILE,
    Values,
    differences,
    machine,
    one_thread,
    read,
    write,
)

GROUPS = {**estimates.GROUPS, **assessments.GROUPS, **trained.GROUPS, **networks.GROUPS}


def main() -> None:
    """Compute all groups, print what is not as stored, and write it down."""
    stored = read() if FILE.exists() else {"values": {}, "tolerances": {}}
    with one_thread():
        found = {name: compute() for name, compute in GROUPS.items()}
    told = _tell(stored["values"], found)
    if "--tolerances" in sys.argv[1:]:
        own = {
            name: _wider(stored["values"][name], new, stored["tolerances"].get(name, {}))
            for name, new in found.items()
        }
        write(
            stored["values"], {name: each for name, each in own.items() if each}, stored["machine"]
        )
    else:
        kept = {
            name: {key: each for key, each in own.items() if key in found[name]}
            for name, own in stored["tolerances"].items()
            if name in found
        }
        write(found, kept, machine())
    print(f"{told} of {sum(map(len, found.values()))} values differ; see {FILE}")


def _tell(stored: Mapping[str, Values], found: Mapping[str, Values]) -> int:
    told = 0
    for group in sorted(stored.keys() | found.keys()):
        for line in differences(stored.get(group, {}), found.get(group, {})):
            print(f"{group} | {line}")
            told += 1
    return told


def _wider(old: Values, new: Values, own: Mapping[str, float]) -> dict[str, float]:
    """Return the tolerances of a group, wide enough for its numbers as they are here."""
    wider = dict(own)
    for key in old.keys() & new.keys():
        before, now = old[key], new[key]
        if isinstance(before, str) or isinstance(now, str) or not math.isfinite(before - now):
            continue
        if differences({key: before}, {key: now}, {key: wider.get(key, ELSEWHERE)}):
            wider[key] = float(f"{2 * abs(before - now):.1g}")
    return wider


if __name__ == "__main__":
    main()
