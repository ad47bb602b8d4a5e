"""From findings to files: rho.csv, profiles.csv, assessment.json, figures and the report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from robustsplit.io import write_bytes, write_json, write_text
from robustsplit.report.figures import RhoDepthDisplay, draw_accuracies, draw_depth, render
from robustsplit.report.findings import Findings
from robustsplit.report.html import Picture, render_report
from robustsplit.report.rho_csv import profiles_frame, rho_frame, write_csv
from robustsplit.units import Unit

__all__ = ["displays_of", "displays_of_frame", "write_figures", "write_outputs"]

#: Width of a figure on a phone, in inches.
NARROW = 3.7
DEPTH_CAPTION = (
    "Rho of each layer pair against depth. Grey band: the null, which is what the same method "
    "gives for permuted pairs, without any dependence. Dotted line: the ceiling, the largest "
    "value possible with so many images; a value near it says little about the strength of a "
    "dependence. Coloured bands: the range over the trials, or the half-sampling interval of a "
    "whole network. The second panel shows the estimator of the published code, and its null "
    "(dashed). Where the two lines of one colour coincide, its value is the same without any "
    "dependence."
)
ACCURACY_CAPTION = (
    "Accuracy under the attack for each cut, with Wilson's 95 % interval of each accuracy. The "
    "bars do not show whether two networks differ, because all of them saw the same images: the "
    'table "Differences on the same images" does.'
)


def write_outputs(
    findings: Findings,
    folder: Path,
    *,
    formats: Sequence[str] = ("png", "svg"),
    x: Literal["depth", "from_output"] = "depth",
) -> None:
    """Write everything a finished run leaves; the report last, so that it marks the end.

    Args:
        findings: What was found.
        folder: Where; files of the same names are replaced, one by one and whole.
        formats: Of the figures.
        x: Direction of the depth axis.
    """
    folder = Path(folder)
    if findings.results:
        write_csv(rho_frame(findings.results), folder / "rho.csv")
        if findings.profiles:
            write_csv(profiles_frame(findings.profiles), folder / "profiles.csv")
    else:
        write_csv(profiles_frame(findings.profiles), folder / "rho.csv")
    write_json(folder / "assessment.json", findings.to_dict())
    pictures = write_figures(findings, folder / "figures", formats=formats, x=x)
    write_text(folder / "report.html", render_report(findings, pictures))


def write_figures(
    findings: Findings,
    folder: Path,
    *,
    formats: Sequence[str] = ("png", "svg"),
    x: Literal["depth", "from_output"] = "depth",
) -> list[Picture]:
    """Draw the figures, write them, and return them for the report.

    Args:
        findings: What was found.
        folder: Where to write.
        formats: "png", "svg" or "pdf"; a file for each.
        x: Direction of the depth axis.

    Returns:
        The figures as SVG, with captions and texts for readers who cannot see them.
    """
    displays = displays_of(findings)
    title = f"{findings.data}, attack: {findings.attack}"
    if findings.toy:
        title += " (a toy)"
    unit, narrow = findings.unit, (NARROW, 5.0 + 0.16 * len(displays))
    depth = draw_depth(displays, unit=unit, x=x, title=title)
    small = draw_depth(displays, unit=unit, x=x, size=narrow)
    drawn = {"rho_vs_depth": (depth, small, DEPTH_CAPTION, _alt(displays, unit))}
    if findings.results:
        words = "; ".join(
            f"f_b = {r.cut}: Acc* {r.acc_star.percent:.1f} %, Acc_sr {r.acc_sr.percent:.1f} %, "
            f"Acc~ {r.acc_tilde.percent:.1f} %"
            for r in findings.results
        )
        bars = draw_accuracies(findings.results)
        narrow_bars = draw_accuracies(findings.results, size=(NARROW, 3.6))
        drawn["accuracies"] = (bars, narrow_bars, ACCURACY_CAPTION, words)
    pictures = []
    for name, (figure, small, caption, alt) in drawn.items():
        files = {kind: render(figure, kind) for kind in dict.fromkeys(["svg", *formats])}
        for kind in formats:
            write_bytes(folder / f"{name}.{kind}", files[kind])
        pictures.append(Picture(files["svg"], caption, alt, render(small, "svg")))
    return pictures


def displays_of(findings: Findings) -> list[RhoDepthDisplay]:
    """Return what the main figure draws: whole networks first, then each cut."""
    lines = [
        RhoDepthDisplay.from_profile(profile, label=f"{name} network")
        for name, profile in findings.profiles.items()
    ]
    named = [
        RhoDepthDisplay.from_result(result, label=f"Algorithm 1, f_b = {result.cut}")
        for result in findings.results
    ]
    return lines + named


def displays_of_frame(frame: pd.DataFrame) -> list[RhoDepthDisplay]:
    """Return one display for each cut or network in a `rho.csv`."""
    key = "cut" if "cut" in frame.columns else "network"
    if key not in frame.columns:
        return [RhoDepthDisplay.from_frame(frame)]
    return [
        RhoDepthDisplay.from_frame(group, label=f"{name}")
        for name, group in frame.groupby(key, sort=False)
    ]


def _alt(displays: Sequence[RhoDepthDisplay], unit: Unit) -> str:
    return "Line chart of rho against depth. " + ". ".join(d.describe(unit) for d in displays)
