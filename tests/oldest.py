"""The oldest versions that pyproject.toml claims, as pins for pip: `python -m tests.oldest`.

It needs Python alone, as it runs before anything is installed.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["oldest"]

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
#: A name, extras in brackets, and what is asked of the version up to a marker.
REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[[^]]*\])?\s*([^;]*)")


def oldest(requirements: Iterable[str]) -> list[str]:
    """Return each requirement as a pin of its oldest version, such as "numpy==1.26".

    Raises:
        ValueError: For a requirement that names no oldest version.
    """
    pins = []
    for requirement in requirements:
        name, asked = REQUIREMENT.fullmatch(requirement.split(";")[0].strip()).groups()
        least = [part.strip() for part in asked.split(",") if part.strip().startswith(">=")]
        if len(least) != 1:
            raise ValueError(f"{requirement!r} names no oldest version: write 'name>=version'.")
        pins.append(f"{name}=={least[0].removeprefix('>=').strip()}")
    return pins


if __name__ == "__main__":
    print("\n".join(oldest(tomllib.loads(PROJECT.read_text())["project"]["dependencies"])))
