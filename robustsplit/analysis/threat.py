"""How Algorithm 1's networks are attacked, scored and measured, by either protocol.

"adaptive": each network is attacked afresh. "static": examples made once, on the robust network,
are reused for training and scoring, and every accuracy on them says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from robustsplit.analysis.connectivity import connectivity
from robustsplit.attacks import Attack
from robustsplit.data import DataSplits, ImageData
from robustsplit.measurement import Measurement
from robustsplit.network import Split, unwrap
from robustsplit.results import AccuracyRecord, Profile
from robustsplit.training import accuracy, derive_seed, perturbed

__all__ = ["Threat"]


@dataclass(frozen=True)
class Threat:
    """The attack of one run on its data.

    Attributes:
        data: The three parts, clean.
        attack: Evaluates, and perturbs what connectivity is measured on.
        train_attack: Perturbs the training batches.
        inputs: "adversarial" or "clean": what connectivity is measured on.
        protocol: "adaptive" or "static".
        measurement: How connectivity is measured.
        seed: All randomness is derived from it and from `stage`.
        stage: Name of the run in the derived seeds.
        stored: The parts already attacked, for the static protocol.
    """

    data: DataSplits
    attack: Attack
    train_attack: Attack
    inputs: str
    protocol: str
    measurement: Measurement
    seed: int
    stage: str
    stored: DataSplits | None = None

    def against(self, robust: nn.Module) -> Threat:
        """Return the threat as it is used against the robust network.

        Args:
            robust: The network on which the "static" protocol makes its examples, once.

        Returns:
            This threat for the "adaptive" protocol, else one with the stored examples.
        """
        if self.protocol == "adaptive":
            return self

        def made(part: str, attack: Attack) -> ImageData:
            at = derive_seed(self.seed, f"{self.stage}/static/{part}")
            return perturbed(robust, getattr(self.data, part), attack, seed=at)

        parts = (
            made("train", self.train_attack),
            made("validation", self.attack),
            made("test", self.attack),
        )
        return replace(self, stored=DataSplits(*parts))

    @property
    def label(self) -> str:
        """What stands beside an attacked accuracy."""
        return (
            self.attack.label if self.stored is None else f"stored examples of {self.attack.label}"
        )

    @property
    def train(self) -> ImageData:
        """What f_b is trained on."""
        return self.data.train if self.stored is None else self.stored.train

    @property
    def on_the_fly(self) -> Attack | None:
        """What perturbs training batches as they come; None when they are attacked already."""
        return self.train_attack if self.stored is None else None

    def accuracy(
        self, model: nn.Module, part: str, t: int = 0, epoch: int = 0, what: str = ""
    ) -> AccuracyRecord:
        """Return accuracy under the threat, on the part of that name.

        Args:
            model: The network; left as found.
            part: "validation" or "test".
            t: The trial, for the derived seeds.
            epoch: Likewise.
            what: The work's name in the derived seeds; by default the run's stage and the part.

        Returns:
            The accuracy; its `attack` says "stored examples" for the static protocol.
        """
        if self.stored is not None:
            return replace(accuracy(model, getattr(self.stored, part)), attack=self.label)
        at = derive_seed(self.seed, what or f"{self.stage}/{part}", t, epoch)
        return accuracy(model, getattr(self.data, part), attack=self.attack, seed=at)

    def baseline(
        self, regular: nn.Module, work: nn.Module, cut: Split
    ) -> dict[str, dict[str, AccuracyRecord]]:
        """Measure the accuracies that stand around the trials, such as Acc* and Acc_sr.

        The attacks' random starts are the same for every network and every cut, so Acc* is the
        same for every cut too.

        Args:
            regular: (f_a, f_b); left as found.
            work: The robust network (f_a*, f_b*); it leaves as the semirobust one, (f_a*, f_b).
            cut: The split of `work`.

        Returns:
            Accuracies by kind, then by network: "validation" (of "robust", under the attack), and
            on the test split "attacked" and "clean" (of "regular", "robust" and "semirobust").
        """
        attacked, clean = {}, {}
        acc_star = self.accuracy(work, "validation", what="algorithm1/validation")
        for name in ("regular", "robust", "semirobust"):
            model = regular if name == "regular" else work
            if name == "semirobust":
                cut.load_f_b(unwrap(regular))  # (f_a*, f_b)
            attacked[name] = self.accuracy(model, "test", what="algorithm1/test")
            clean[name] = accuracy(model, self.data.test)
        return {"validation": {"robust": acc_star}, "attacked": attacked, "clean": clean}

    def measured(
        self,
        work: nn.Module,
        cut: Split,
        t: int,
        progress: Callable[[dict[str, Any]], None],
    ) -> tuple[AccuracyRecord, AccuracyRecord, Profile]:
        """Measure a trained network on the test split: two accuracies, and f_b's connectivity.

        The same attacked inputs serve the accuracy and, with ``inputs="adversarial"``, the
        connectivity.

        Args:
            work: (f_a*, f~_b); left as found.
            cut: The split of `work`.
            t: The trial, from 0, for the derived seeds.
            progress: Called after each measured pair.

        Returns:
            Accuracy under the attack, accuracy on clean inputs, and the profile of the pairs from
            (f_a's last layer, f_b's first) to (last hidden layer, logits).
        """
        if self.stored is not None:
            attacked = self.stored.test
        else:
            at = derive_seed(self.seed, f"{self.stage}/test", t)
            attacked = perturbed(work, self.data.test, self.attack, seed=at)
        test = replace(accuracy(work, attacked), attack=self.label)
        adversarial = self.inputs == "adversarial"
        profile = connectivity(
            work,
            self.data.test,
            [cut.f_a[-1], *cut.f_b],
            attack=self.attack if adversarial else None,
            attacked=attacked if adversarial else None,
            measurement=self.measurement,
            seed=derive_seed(self.seed, f"{self.stage}/connectivity", t),
            progress=lambda event: progress({**event, "trial": t + 1}),
        )
        settings = {**profile.settings, "protocol": self.protocol}
        if adversarial:
            settings["attack"] = self.label
        return test, accuracy(work, self.data.test), replace(profile, settings=settings)
