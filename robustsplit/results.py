"""What a study finds, as records without torch inside: pairs, profiles, trials, views of rho.

All mutual information is in nats here; reports and figures convert to bits for display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binomtest

from mitools.samples.messages import unknown

__all__ = [
    "AccuracyRecord",
    "EpochRecord",
    "PairRecord",
    "Profile",
    "RhoResult",
    "RhoView",
    "Trial",
    "least_of_converged",
]

RhoView = Literal["min_converged", "best_trial", "min", "max", "mean", "sd"]

#: The readings of the paper's "rho", and where each comes from.
VIEWS: Mapping[str, str] = {
    "min_converged": "least value over the trials that converged (supplementary material)",
    "best_trial": "value of the trial with the highest accuracy (section 3.2, prose)",
    "min": "least value over all trials (Algorithm 1, box)",
    "max": "largest value over all trials",
    "mean": "mean over all trials",
    "sd": "standard deviation over all trials (n - 1)",
}


@dataclass(frozen=True)
class AccuracyRecord:
    """How many of `n` inputs were classified correctly, and under which attack.

    Attributes:
        correct: How many.
        n: Of how many.
        attack: The attack's settings; "clean" for none.
        by_class: Per class name, (correct, n).
    """

    correct: int
    n: int
    attack: str = "clean"
    by_class: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> AccuracyRecord:
        """Return the record that `dataclasses.asdict` made `table` of."""
        by_class = {name: (int(hits), int(n)) for name, (hits, n) in table["by_class"].items()}
        return cls(table["correct"], table["n"], table["attack"], by_class)

    @property
    def percent(self) -> float:
        """Accuracy in percent."""
        return 100.0 * self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, in percent: 360 images at 80 % leave 4 points each way."""
        ends = binomtest(self.correct, self.n).proportion_ci(0.95, method="wilson")
        return 100.0 * float(ends.low), 100.0 * float(ends.high)


@dataclass(frozen=True)
class PairRecord:
    """The connectivity I(f^(j-1); f^(j) | y) of two consecutive layers, with its assessment.

    Attributes:
        parent: Name of layer j - 1.
        child: Name of layer j.
        offset: The paper's index: 0 for (last hidden, logits), k for the pair k layers earlier.
        parent_dim: Width of the parent's activations, flattened, before any reduction.
        child_dim: Width of the child's.
        connected: Whether the child's input depends on the parent's output (False for parallel
            branches).
        n_samples: How many inputs were used.
        rho: The label-weighted estimate, in nats.
        ceiling: The largest value the estimator could have returned, in nats.
        null_mean: Mean over within-label permutations, in nats: the value without any dependence.
        null_sd: Their standard deviation.
        p_value: (1 + permutations at least as large) / (1 + permutations).
        interval: Half-sampling interval of the expected estimate, in nats.
        singleton_fraction: Share of samples alone in their joint cell (hash estimators), else NaN.
        cross_check: A second estimator's value, in nats, or NaN.
        verdict: The assessment in words.
        released: What the published code's estimator gives on the raw activations, in nats, or
            NaN.
        released_null: The same with pairs permuted within labels, or NaN.
        parts: Per label, the estimate within it, in nats.
        reasons: Why the verdict is what it is, in sentences.
    """

    parent: str
    child: str
    offset: int
    parent_dim: int
    child_dim: int
    connected: bool
    n_samples: int
    rho: float
    ceiling: float
    null_mean: float
    null_sd: float
    p_value: float
    interval: tuple[float, float]
    singleton_fraction: float
    cross_check: float
    verdict: str
    released: float = float("nan")
    released_null: float = float("nan")
    parts: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> PairRecord:
        """Return the record that `dataclasses.asdict` made `table` of; null stands for NaN."""
        plain: dict[str, Any] = {
            key: float("nan") if value is None else value for key, value in table.items()
        }
        low, high = (float("nan") if end is None else end for end in table["interval"])
        parts = {k: float("nan") if v is None else v for k, v in table["parts"].items()}
        reasons = tuple(table["reasons"])
        return cls(**{**plain, "interval": (low, high), "parts": parts, "reasons": reasons})

    @property
    def excess(self) -> float:
        """How far rho is above its null: `rho` - `null_mean`, in nats."""
        return self.rho - self.null_mean


@dataclass(frozen=True)
class Profile:
    """Connectivity along the depth of one network: a row per consecutive pair, input side first.

    Attributes:
        pairs: The rows.
        settings: How they were made: estimator, reduction, point, attack, inputs, samples per
            label, seed.
    """

    pairs: tuple[PairRecord, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> Profile:
        """Return the profile that `dataclasses.asdict` made `table` of."""
        pairs = tuple(PairRecord.from_dict(pair) for pair in table["pairs"])
        return cls(pairs, dict(table["settings"]))

    def __getitem__(self, child: str) -> PairRecord:
        """Return the pair that ends in a layer.

        Args:
            child: Name of the pair's later layer.

        Returns:
            The pair.

        Raises:
            KeyError: When no pair ends there, with the nearest name.
        """
        for pair in self.pairs:
            if pair.child == child:
                return pair
        raise KeyError(unknown("child layer", child, [pair.child for pair in self.pairs]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair; nats, with a column of excess."""
        rows = []
        for pair in self.pairs:
            row = asdict(pair)
            row["interval_low"], row["interval_high"] = row.pop("interval")
            row.pop("parts")
            row.pop("reasons")
            row["excess"] = pair.excess
            rows.append(row)
        return pd.DataFrame(rows)


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


def least_of_converged(
    values: NDArray[np.float64], converged: Sequence[bool] | NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the trial that the paper's rho of each pair is taken from; the first of equals.

    Args:
        values: I_{j,t}, with shape (trials, pairs).
        converged: Whether each trial converged; at least one did.

    Returns:
        Indices of trials, with shape (pairs,).
    """
    counted = np.flatnonzero(converged)
    return counted[values[counted].argmin(axis=0)]
