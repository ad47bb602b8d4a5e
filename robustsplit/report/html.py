"""The report: one HTML file, readable offline, that begins with what can be concluded."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import pandas as pd

from robustsplit.report import conclusions
from robustsplit.report.findings import Findings
from robustsplit.report.tables import accuracy_table, difference_table, pair_table, result_table
from robustsplit.results import RhoResult

__all__ = ["Picture", "render_report", "text_table"]


@dataclass(frozen=True)
class Picture:
    """A figure in the report: SVG, a caption, and a text for readers who cannot see it.

    Attributes:
        svg: The figure.
        caption: What stands below it.
        alt: What it shows, in words.
        narrow: The figure for a narrow screen; the wide one if empty.
    """

    svg: bytes
    caption: str
    alt: str
    narrow: bytes = b""

    @property
    def source(self) -> str:
        """The picture as a data URL, so that the file stands alone."""
        return _data_url(self.svg)

    @property
    def narrow_source(self) -> str:
        """The narrow picture as a data URL."""
        return _data_url(self.narrow)


#: Colours of figures that change in a dark page, and what they are there.
DARK = {
    "#ffffff": ("paper", "#16181b"),
    "#000000": ("ink", "#e6e6e6"),
    "#cccccc": ("null", "#45484d"),
}


def _data_url(svg: bytes) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(_themed(svg)).decode()


def _themed(svg: bytes) -> bytes:
    """Return a figure of matplotlib that follows the reader's choice of a dark page."""
    text = svg.decode()
    light = "".join(f"--{name}: {colour};" for colour, (name, _) in DARK.items())
    dark = "".join(f"--{name}: {colour};" for name, colour in DARK.values())
    for colour, (name, _) in DARK.items():
        text = text.replace(f": {colour}", f": var(--{name})")
    style = (
        f"<style>svg {{ {light} fill: var(--ink); }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ {dark} }} }}</style>"
    )
    return text.replace("</defs>", f"{style}</defs>", 1).encode()


def render_report(findings: Findings, pictures: list[Picture]) -> str:
    """Return the report as HTML.

    Args:
        findings: What was found.
        pictures: Its figures.

    Returns:
        One HTML page that needs no other file.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = cell
    source = (files("robustsplit.report") / "templates" / "report.html.jinja").read_text(
        encoding="utf-8"
    )
    return environment.from_string(source).render(
        f=findings,
        measured=conclusions.measured(findings),
        question=conclusions.question(findings),
        can=conclusions.can(findings),
        cannot=conclusions.cannot(findings),
        pictures=pictures,
        accuracies=accuracy_table(findings),
        differences=difference_table(findings),
        cuts=[_cut(result, findings) for result in findings.results],
        networks=[
            {
                "name": name,
                "table": pair_table(profile.pairs, findings.unit),
                "reasons": _reasons(profile.pairs),
                "settings": dict(profile.settings),
            }
            for name, profile in findings.profiles.items()
        ],
    )


def cell(value: Any) -> str:
    """Return a table's cell: two decimals, three for small numbers, a dash for a missing one."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        text = f"{value:.2f}" if abs(value) >= 0.095 or value == 0 else f"{value:.3f}"
        return text.removeprefix("-") if float(text) == 0 else text
    return str(value)


def text_table(frame: pd.DataFrame) -> str:
    """Return a table for the terminal: words to the left, numbers to the right."""
    cells = [[cell(value) for value in row] for row in frame.itertuples(index=False)]
    header = [str(name) for name in frame.columns]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    numeric = [all(_is_number(row[i]) for row in cells) for i in range(len(header))]

    def line(row: list[str]) -> str:
        padded = (
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(header), "  ".join("-" * width for width in widths), *map(line, cells)])


def _cut(result: RhoResult, findings: Findings) -> Mapping[str, Any]:
    trials = pd.DataFrame(
        [
            {
                "trial": trial.index + 1,
                "epochs": len(trial.epochs),
                "converged": "yes" if trial.converged else "no",
                "best validation accuracy [%]": f"{trial.best_accuracy:.1f}",
                "test accuracy, attacked [%]": f"{trial.test.percent:.1f}",
                "test accuracy, clean [%]": f"{trial.clean.percent:.1f}",
            }
            for trial in result.trials
        ]
    )
    return {
        "name": result.cut,
        "f_a": ", ".join(result.f_a),
        "f_b": ", ".join(result.f_b),
        "table": result_table(result, findings.unit),
        "trials": trials,
        "protocol": result.settings.get("protocol", "adaptive"),
        "warnings": result.warnings,
        "reasons": _reasons(result.chosen()),
    }


def _reasons(pairs: Any) -> list[str]:
    """Return why the verdicts are what they are, each sentence once, with the pairs it is for."""
    found: dict[str, list[str]] = {}
    for pair in pairs:
        for reason in pair.reasons:
            found.setdefault(reason, []).append(f"{pair.parent} → {pair.child}")
    return [f"{', '.join(dict.fromkeys(names))}: {reason}" for reason, names in found.items()]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in ("", "–")
    return True
