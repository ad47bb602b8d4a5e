"""How an optional package is added, by the way in which this distribution was installed."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["install_line"]

NAME = "robustsplit"


def install_line(extra: str) -> str:
    """Return the pip line that adds an extra to what is installed.

    Args:
        extra: The extra's name, such as "torch".

    Returns:
        A line that names the package as it was installed: by its name from an index, by its file,
        by its repository, or by the folder of an editable clone.
    """
    try:
        text = distribution(NAME).read_text("direct_url.json")
    except PackageNotFoundError:  # run from a clone that is not installed
        root = Path(__file__).parents[2]
        clone = (root / "pyproject.toml").is_file()
        return f'pip install -e "{root}[{extra}]"' if clone else _line(None, extra)
    return _line(json.loads(text) if text else None, extra)


def _line(origin: dict[str, Any] | None, extra: str) -> str:
    """Return the line for what direct_url.json holds; None: installed from an index."""
    if origin is None:
        return f'pip install "{NAME}[{extra}]"'
    url = origin["url"]
    if vcs := origin.get("vcs_info"):
        return f'pip install "{NAME}[{extra}] @ {vcs["vcs"]}+{url}"'
    if not url.startswith("file:"):
        return f'pip install "{NAME}[{extra}] @ {url}"'
    editable = "-e " if origin.get("dir_info", {}).get("editable") else ""
    return f'pip install {editable}"{url2pathname(urlsplit(url).path)}[{extra}]"'
