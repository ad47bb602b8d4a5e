"""What Algorithm 1 finds for one cut: its trials, and rho as a view on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mitools.samples.messages import unknown
from robustsplit.readings import VIEWS, RhoView, least_of_converged
from robustsplit.results.accuracies import AccuracyRecord, PairedDifference
from robustsplit.results.profiles import PairRecord, Profile, pairs_html
from robustsplit.units import per_nat

if TYPE_CHECKING:
    from robustsplit.drawing import RhoDepthDisplay

__all__ = ["EpochRecord", "RhoResult", "Trial"]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of adversarial training of f_b.

    Attributes:
        epoch: From 1.
        loss: Mean training loss, in nats.
        validation: Acc_t^e, on the validation split.
        fingerprint: SHA-256 of f_a's parameters and buffers after the epoch.
    """

    epoch: int
    loss: float
    validation: AccuracyRecord
    fingerprint: str

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> EpochRecord:
        """Return the record that `dataclasses.asdict` made `table` of."""
        scored = AccuracyRecord.from_dict(table["validation"])
        return cls(table["epoch"], table["loss"], scored, table["fingerprint"])


@dataclass(frozen=True)
class Trial:
    """One of Algorithm 1's T trials: its epochs, whether it converged, and its connectivity.

    Attributes:
        index: From 0.
        epochs: Acc_t^e on the validation split, epoch by epoch.
        converged: Whether Acc* - Acc_t <= tolerance was met.
        profile: I_{j,t} for each pair from (f_a's last layer, f_b's first) to (last hidden,
            logits).
        test: Accuracy of (f_a*, f~_b) on the test split under the attack.
        clean: The same on clean test inputs.

    The profile and both test accuracies belong to the weights of the best epoch: the one with the
    highest validation accuracy, the first of equals. When a trial converged, that is its last.
    """

    index: int
    epochs: tuple[EpochRecord, ...]
    converged: bool
    profile: Profile
    test: AccuracyRecord
    clean: AccuracyRecord

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Trial:
        """Return the trial that `dataclasses.asdict` made `table` of."""
        return cls(
            index=table["index"],
            epochs=tuple(EpochRecord.from_dict(epoch) for epoch in table["epochs"]),
            converged=table["converged"],
            profile=Profile.from_dict(table["profile"]),
            test=AccuracyRecord.from_dict(table["test"]),
            clean=AccuracyRecord.from_dict(table["clean"]),
        )

    def __repr__(self) -> str:
        met = "converged" if self.converged else "not converged"
        return (
            f"Trial({self.index + 1}, {len(self.epochs)} epochs, {met}; "
            f"accuracy {self.test.percent:.1f} % attacked, {self.clean.percent:.1f} % clean)"
        )

    @property
    def best_accuracy(self) -> float:
        """Largest validation accuracy over the epochs, in percent."""
        return max(epoch.validation.percent for epoch in self.epochs)


@dataclass(frozen=True)
class RhoResult:
    """Everything Algorithm 1 measured for one cut; rho is a view on it.

    Attributes:
        cut: The split, in words.
        f_a: Weight layers of the robust, frozen first part, in execution order.
        f_b: Weight layers of the retrained rest.
        acc_star: Acc*, test accuracy of the robust network (f_a*, f_b*) under the attack.
        acc_star_validation: The same on the validation split: what the stopping rule compares
            with.
        acc_sr: Acc_sr, test accuracy of the semirobust network (f_a*, f_b) before any retraining.
        clean: Clean test accuracies by network name ("regular", "robust", "semirobust").
        attacked: Test accuracies under the attack by network name.
        trials: The T trials.
        settings: tolerance, epochs, attack, protocol, inputs, estimator, seeds.
        warnings: Sentences a reader must see (cut inside a residual block, no trial converged).
    """

    cut: str
    f_a: tuple[str, ...]
    f_b: tuple[str, ...]
    acc_star: AccuracyRecord
    acc_star_validation: AccuracyRecord
    acc_sr: AccuracyRecord
    clean: Mapping[str, AccuracyRecord]
    attacked: Mapping[str, AccuracyRecord]
    trials: tuple[Trial, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> RhoResult:
        """Return the result that `dataclasses.asdict` made `table` of; null stands for NaN."""
        score = AccuracyRecord.from_dict
        return cls(
            cut=table["cut"],
            f_a=tuple(table["f_a"]),
            f_b=tuple(table["f_b"]),
            acc_star=score(table["acc_star"]),
            acc_star_validation=score(table["acc_star_validation"]),
            acc_sr=score(table["acc_sr"]),
            clean={name: score(value) for name, value in table["clean"].items()},
            attacked={name: score(value) for name, value in table["attacked"].items()},
            trials=tuple(Trial.from_dict(trial) for trial in table["trials"]),
            settings=dict(table["settings"]),
            warnings=tuple(table["warnings"]),
        )

    @property
    def n_converged(self) -> int:
        """How many trials met the tolerance."""
        return sum(trial.converged for trial in self.trials)

    @property
    def best_trial(self) -> Trial:
        """The trial with the highest validation accuracy; the first of equals."""
        return max(self.trials, key=lambda trial: trial.best_accuracy)

    @property
    def acc_tilde(self) -> AccuracyRecord:
        """Acc~: test accuracy of the best trial, chosen on the validation split."""
        return self.best_trial.test

    @property
    def against_robust(self) -> PairedDifference | None:
        """Acc~ minus Acc*, image by image; None in files of before answers were kept."""
        return self.acc_tilde.minus(self.acc_star)

    @property
    def against_semirobust(self) -> PairedDifference | None:
        """Acc~ minus Acc_sr, image by image: what retraining f_b gained."""
        return self.acc_tilde.minus(self.acc_sr)

    def chosen(self) -> list[PairRecord]:
        """Return for each pair the record its rho comes from: the least of the converged trials.

        Without a converged trial, these are the records of the trial with the highest validation
        accuracy. Null, ceiling and verdict always belong to the value that is shown.
        """
        if not self.n_converged:
            return list(self.best_trial.profile.pairs)
        chosen = least_of_converged(self._values(), [trial.converged for trial in self.trials])
        return [self.trials[t].profile.pairs[j] for j, t in enumerate(chosen)]

    def rho(self, view: RhoView = "min_converged") -> pd.Series:
        """Return rho_j in nats for each child layer, in one of the paper's readings.

        Args:
            view: "min_converged", "best_trial", "min", "max", "mean" or "sd".

        Returns:
            A series indexed by child layer; NaN throughout for "min_converged" when no trial
            converged, and for "sd" with one trial.

        Raises:
            ValueError: For another view.
        """
        if view not in VIEWS:
            raise ValueError(unknown("view of rho", view, VIEWS))
        children = [pair.child for pair in self.trials[0].profile.pairs]
        values = self._values()
        undefined = np.full(len(children), np.nan)
        if view == "min_converged":
            chosen = np.array([p.rho for p in self.chosen()]) if self.n_converged else undefined
        elif view == "best_trial":
            chosen = values[self.trials.index(self.best_trial)]
        elif view == "sd":
            chosen = values.std(axis=0, ddof=1) if len(values) > 1 else undefined
        else:
            chosen = getattr(np, view)(values, axis=0)
        return pd.Series(chosen, index=pd.Index(children, name="child"), name=f"rho_{view}")

    def plot(self, ax: Any = None, *, label: str = "", **keywords: Any) -> RhoDepthDisplay:
        """Draw rho of f_b's pairs against depth, with the range over the trials.

        Args:
            ax: Matplotlib axes; those of a new figure by default.
            label: What the legend calls it; the cut's name by default.
            **keywords: As for `RhoDepthDisplay.plot`, such as ``unit="nats"`` or ``color="k"``.

        Returns:
            The display, with `ax_`, `figure_` and `lines_`.

        Raises:
            ValueError: As `RhoDepthDisplay.plot`.
        """
        from robustsplit.drawing import RhoDepthDisplay

        return RhoDepthDisplay.from_result(self, label=label).plot(ax, **keywords)

    def __repr__(self) -> str:
        return f"RhoResult({'; '.join(self._facts())})"

    def _repr_html_(self) -> str:
        facts = escape("; ".join(self._facts()))
        return f"<div><p><b>RhoResult</b>: {facts}</p>{pairs_html(self.chosen())}</div>"

    def _facts(self) -> list[str]:
        values = [pair.rho * per_nat("bits") for pair in self.chosen()]
        return [
            f"f_b = {self.cut}",
            f"rho {min(values):.2f} to {max(values):.2f} bits over {len(values)} layer pairs",
            f"{self.n_converged} of {len(self.trials)} trials converged",
            f"attacked accuracy {self.acc_star.percent:.1f} % (Acc*), "
            f"{self.acc_sr.percent:.1f} % (Acc_sr), {self.acc_tilde.percent:.1f} % (Acc~) "
            f"of {self.acc_star.n} inputs, {self.acc_star.attack}",
        ]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per trial, pair and label (label "all" is the weighted sum), in nats."""
        rows = []
        for trial in self.trials:
            for pair, (_, line) in zip(
                trial.profile.pairs, trial.profile.to_frame().iterrows(), strict=True
            ):
                shared = {
                    "cut": self.cut,
                    "trial": trial.index,
                    "converged": trial.converged,
                    "parent": pair.parent,
                    "child": pair.child,
                    "offset": pair.offset,
                }
                rows.append(
                    {**shared, "label": "all", **line.drop(labels=list(shared), errors="ignore")}
                )
                rows += [
                    {**shared, "label": label, "rho": value} for label, value in pair.parts.items()
                ]
        return pd.DataFrame(rows)

    def _values(self) -> NDArray[np.float64]:
        """Return every I_{j,t}, with shape (trials, pairs)."""
        return np.array([[pair.rho for pair in t.profile.pairs] for t in self.trials], dtype=float)
