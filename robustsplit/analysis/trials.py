"""What Algorithm 1 keeps: each finished epoch and trial, found again after a kill.

Keys: ``KEY/baseline``, and for each trial ``KEY/trialT/best`` (f_b of the best epoch),
``.../state`` (f_b and its optimizer after the last epoch) and ``.../result``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.analysis.threat import Threat
from robustsplit.measurement import Measurement
from robustsplit.network import Split, unwrap
from robustsplit.network.hashing import hash_tensors, kind_of
from robustsplit.results import AccuracyRecord, EpochRecord, Trial
from robustsplit.training import Recipe, StoreLike
from robustsplit.training.store import pack_optimizer, unpack_optimizer

__all__ = ["TrialStore", "run_settings"]

Accuracies = dict[str, dict[str, AccuracyRecord]]


@dataclass(frozen=True)
class TrialStore:
    """A store as one run of Algorithm 1 uses it; a store of another run is refused.

    Attributes:
        store: Where things are kept.
        key: Prefix of this run's keys.
        settings: What its results depend on, ready for JSON.
    """

    store: StoreLike
    key: str
    settings: Mapping[str, Any]

    def baseline(self) -> Accuracies | None:
        """Return the accuracies around the trials, or None if they were never measured."""
        saved = self._load("baseline")
        if saved is None:
            return None
        return {
            kind: {name: AccuracyRecord.from_dict(entry) for name, entry in row.items()}
            for kind, row in saved["record"]["accuracies"].items()
        }

    def save_baseline(self, found: Accuracies) -> Accuracies:
        """Keep the accuracies around the trials, and return them.

        Args:
            found: Accuracies by kind, then by network.

        Returns:
            `found`.
        """
        table = {k: {n: asdict(entry) for n, entry in row.items()} for k, row in found.items()}
        self._save("baseline", {}, accuracies=table)
        return found

    def trial(self, t: int) -> Trial | None:
        """Return a finished trial, or None."""
        saved = self._load(f"trial{t}/result")
        return None if saved is None else Trial.from_dict(saved["record"]["trial"])

    def save_trial(self, trial: Trial, best: Mapping[str, Tensor]) -> None:
        """Keep a finished trial with the f_b that was measured.

        Args:
            trial: The trial.
            best: f_b's parameters and buffers, by name.
        """
        self._save(f"trial{trial.index}/result", best, trial=asdict(trial))

    def resume(
        self, t: int, cut: Split, optimizer: torch.optim.Optimizer
    ) -> tuple[Mapping[str, Tensor], list[EpochRecord]]:
        """Bring f_b and its optimizer to the last finished epoch, if there is one.

        The best weights may be one epoch ahead, when the run was killed between the two saves;
        that epoch is then done again, with the same outcome.

        Args:
            t: The trial, from 0.
            cut: The split whose f_b is set.
            optimizer: The optimizer of f_b; its state is set.

        Returns:
            The f_b of the best epoch so far, and the epochs' records; both empty at the start.
        """
        state, best = self._load(f"trial{t}/state"), self._load(f"trial{t}/best")
        if state is None or best is None:
            return {}, []
        unpack_optimizer(optimizer, state["tensors"])
        weights = {n: v for n, v in state["tensors"].items() if not n.startswith("optimizer.")}
        cut.load_f_b({name.removeprefix("f_b."): value for name, value in weights.items()})
        return best["tensors"], [EpochRecord.from_dict(r) for r in state["record"]["epochs"]]

    def save_best(self, t: int, epoch: int, cut: Split) -> Mapping[str, Tensor]:
        """Keep f_b as it is now as the best so far, and return a copy of it.

        Args:
            t: The trial, from 0.
            epoch: The epoch, from 1.
            cut: The split that holds f_b.

        Returns:
            Copies of f_b's parameters and buffers, by name.
        """
        best = cut.f_b_state()
        self._save(f"trial{t}/best", best, epoch=epoch)
        return best

    def save_epochs(
        self, t: int, epochs: Sequence[EpochRecord], cut: Split, optimizer: torch.optim.Optimizer
    ) -> None:
        """Keep what the next epoch starts from.

        Args:
            t: The trial, from 0.
            epochs: The records of all finished epochs.
            cut: The split that holds f_b.
            optimizer: The optimizer of f_b.
        """
        tensors = {f"f_b.{name}": value for name, value in cut.f_b_state().items()}
        packed = pack_optimizer(optimizer)
        self._save(
            f"trial{t}/state", {**tensors, **packed}, epochs=[asdict(record) for record in epochs]
        )

    def _load(self, name: str) -> dict[str, Any] | None:
        saved = self.store.load(f"{self.key}/{name}")
        if saved is None:
            return None
        before = saved["record"]["settings"]
        before = {**before, "measure": Measurement.completed(before.get("measure", {}))}
        changed = [item for item in self.settings if before.get(item) != self.settings[item]]
        if changed:
            raise ValueError(
                f"The store holds {f'{self.key}/{name}'!r} of a run with another "
                f"{' and another '.join(changed)}. Use another store or another key; nothing was "
                "overwritten."
            )
        return saved

    def _save(self, name: str, tensors: Mapping[str, Tensor], **record: Any) -> None:
        self.store.save(f"{self.key}/{name}", tensors, {"settings": dict(self.settings), **record})


def run_settings(
    threat: Threat,
    regular: nn.Module,
    robust: nn.Module,
    cut: str,
    recipe: Recipe,
    tolerance: float,
) -> dict[str, Any]:
    """Return what the results of a run depend on.

    Args:
        threat: The attack, the data's role and the measurement.
        regular: (f_a, f_b); a hash of its weights enters.
        robust: (f_a*, f_b*); likewise.
        cut: Name of the module at which f_b begins.
        recipe: Training of f_b.
        tolerance: k, in percentage points.

    Returns:
        Plain values, ready for JSON.
    """
    return {
        "cut": cut,
        "attack": threat.attack.describe(),
        "train_attack": threat.train_attack.describe(),
        "recipe": asdict(recipe),
        "epochs": recipe.epochs,
        "tolerance": tolerance,
        "inputs": threat.inputs,
        "protocol": threat.protocol,
        "measure": threat.measurement.describe(),
        "seed": threat.seed,
        "regular": _fingerprint(regular),
        "robust": _fingerprint(robust),
    }


def _fingerprint(model: nn.Module) -> str:
    """Return 16 hexadecimal digits of a hash over all weights and buffers."""
    state = unwrap(model).state_dict()
    named = ((f"{name} {kind_of(tensor)}", tensor) for name, tensor in state.items())
    return hash_tensors(named).hexdigest()[:16]
