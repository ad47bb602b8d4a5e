"""What several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from robustsplit.report.findings import Findings

__all__ = ["accuracies", "print_json"]


def accuracies(findings: Findings) -> str:
    """Return the accuracies of the whole networks, a line each."""
    lines = []
    for name, kinds in findings.scores.items():
        words = []
        for inputs, record in kinds.items():
            low, high = record.interval
            words.append(f"{record.percent:.1f} % {inputs} ({low:.1f} to {high:.1f})")
        lines.append(f"Accuracy of the {name} network: {', '.join(words)}.")
    return "\n".join(lines)


def print_json(content: Any) -> None:
    """Print JSON to standard output."""
    from robustsplit.io import strict_json

    typer.echo(strict_json(content))
