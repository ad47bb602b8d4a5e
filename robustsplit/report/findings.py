"""What a run found, in one record without torch or figures: all that a report is made of.

`Findings` is what `assessment.json` holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from mitools.samples.messages import visible
from robustsplit.results import AccuracyRecord, PairRecord, Profile, RhoResult
from robustsplit.units import Unit

__all__ = ["Findings"]

Scores = Mapping[str, Mapping[str, AccuracyRecord]]


@dataclass(frozen=True)
class Findings:
    """Results of a study, or of one network's profile.

    Attributes:
        name: Of the study.
        results: Algorithm 1, one per cut; none for a single network's profile.
        profiles: Whole networks, by name.
        scores: Test accuracies by network name, then by "clean" and "attacked".
        config: Settings as text, TOML; or what was asked on the command line.
        environment: Versions, threads, data and where it ran.
        attack: The attack in words.
        data: The data in words.
        toy: Whether the data is a toy, which every text must say.
        unit: "bits" or "nats", for display.
        warnings: Sentences a reader must see.
        command: What reproduces it.
    """

    name: str
    results: tuple[RhoResult, ...] = ()
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    scores: Scores = field(default_factory=dict)
    config: str = ""
    environment: Mapping[str, Any] = field(default_factory=dict)
    attack: str = "clean"
    data: str = ""
    toy: bool = False
    unit: Unit = "bits"
    warnings: tuple[str, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        """Write control characters of names as escapes: no table, page or picture may act."""
        for item in fields(self):
            object.__setattr__(self, item.name, _visible(getattr(self, item.name)))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Findings:
        """Return the findings that `to_dict` made `table` of; null stands for NaN."""
        named = {
            "results": tuple(RhoResult.from_dict(result) for result in table["results"]),
            "profiles": {k: Profile.from_dict(v) for k, v in table["profiles"].items()},
            "scores": {
                network: {kind: AccuracyRecord.from_dict(one) for kind, one in kinds.items()}
                for network, kinds in table["scores"].items()
            },
            "warnings": tuple(table["warnings"]),
        }
        return cls(**{**table, **named})

    @classmethod
    def load(cls, path: Path) -> Findings:
        """Read `assessment.json`.

        Args:
            path: The file.

        Returns:
            The findings.

        Raises:
            FileNotFoundError: When there is none, with what to do.
            ValueError: When it was written by another version, or is no such file.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(
                f"No {path.name} in {path.parent}: nothing is finished there yet. Continue the "
                f"run with `robustsplit resume {path.parent}`."
            )
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"{path} was not written by this version ({type(error).__name__}: {error}). "
                f"`robustsplit resume {path.parent}` writes it again."
            ) from error

    @property
    def pairs(self) -> tuple[PairRecord, ...]:
        """Every pair the conclusions rest on: Algorithm 1's, or else the profiles'."""
        if self.results:
            return tuple(pair for result in self.results for pair in result.chosen())
        return tuple(pair for profile in self.profiles.values() for pair in profile.pairs)

    @property
    def protocol(self) -> str:
        """Whether "adaptive" or "static"; a profile alone attacks the very network it measures."""
        kinds = {str(result.settings.get("protocol", "adaptive")) for result in self.results}
        return kinds.pop() if len(kinds) == 1 else "adaptive"


def _visible(value: Any) -> Any:
    """Return nested values with every text in them made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {_visible(key): _visible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_visible(item) for item in value)
    if is_dataclass(value) and not isinstance(value, type):
        now = {item.name: getattr(value, item.name) for item in fields(value) if item.init}
        seen = {name: _visible(item) for name, item in now.items()}
        return replace(value, **seen) if seen != now else value
    return value
