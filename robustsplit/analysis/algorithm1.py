r"""Algorithm 1 of the paper: how connected f_b must be, learned over T trainings of it.

Given a regular network :math:`(f_a, f_b)` and a robust one :math:`(f_a^*, f_b^*)`, the robust
first part is frozen, the rest starts from the regular weights, and is trained adversarially until
the whole is as accurate under attack as the robust network, up to k percentage points. The
connectivity of each pair of consecutive layers is measured where training stopped; :math:`\rho_j`
is a view on the T measurements (`RhoResult.rho`). "Algorithm 1, line by line" in the documentation
lists every reading of the paper that had to be chosen.

Acc* and Acc decide on the validation split; the test split is for the numbers that are reported,
and for connectivity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Any, Literal

import torch
from torch import Tensor, nn

from mitools.base import MutualInformationEstimator
from mitools.messages import unknown
from robustsplit.analysis.connectivity import connectivity
from robustsplit.attacks import Attack, as_attack
from robustsplit.data import DataSplits, ImageData
from robustsplit.network import Split, unwrap
from robustsplit.results import AccuracyRecord, EpochRecord, Profile, RhoResult, Trial
from robustsplit.training import (
    MemoryStore,
    Recipe,
    StoreLike,
    accuracy,
    build_optimizer,
    derive_seed,
    perturbed,
    train_epoch,
)
from robustsplit.training.store import pack_optimizer, unpack_optimizer

__all__ = ["learn_rho"]

Listener = Callable[[dict[str, Any]], None]


def learn_rho(
    regular: nn.Module,
    robust: nn.Module,
    split: Split,
    data: DataSplits,
    *,
    attack: Any,
    train_attack: Any = None,
    estimator: MutualInformationEstimator | None = None,
    recipe: Recipe,
    trials: int = 3,
    epochs: int = 10,
    tolerance: float = 2.0,
    inputs: Literal["adversarial", "clean"] = "adversarial",
    protocol: Literal["adaptive", "static"] = "adaptive",
    measure: Mapping[str, Any] | None = None,
    seed: int = 0,
    store: StoreLike | None = None,
    key: str = "algorithm1",
    progress: Listener | None = None,
) -> RhoResult:
    """Run Algorithm 1 for one cut.

    Args:
        regular: (f_a, f_b), trained on clean inputs. Unchanged.
        robust: (f_a*, f_b*), trained adversarially, from `regular`'s weights as published or from
            scratch. Unchanged.
        split: The cut; a `Split` of either network.
        data: Train on one part, stop on the second, report on the third.
        attack: The threat: evaluates, and perturbs the inputs that connectivity is measured on.
        train_attack: Perturbs the training batches; `attack` by default.
        estimator: See `connectivity`.
        recipe: Training of f_b; its number of epochs is replaced by `epochs`.
        trials: T.
        epochs: E, the most a trial may take. At least one is always trained.
        tolerance: k, in percentage points: a trial has converged when Acc* - Acc <= k.
        inputs: Measure connectivity on "adversarial" test inputs, as published, or on "clean"
            ones.
        protocol: "adaptive" attacks the network at hand, each time. "static" attacks the robust
            network once and reuses these inputs for training and scoring; what it yields is
            accuracy on stored examples, never robustness, and serves comparisons with published
            tables.
        measure: More arguments of `connectivity`, such as ``{"point": "pre", "released": False}``.
        seed: All randomness is derived from it.
        store: Finished epochs and trials are kept here, and found again after a kill.
        key: Prefix of this run's keys in the store.
        progress: Called with a dict after each epoch ("event": "epoch"), each measured pair
            ("pair") and each trial ("trial").

    Returns:
        Every I_{j,t} and Acc_t^e, and the accuracies around them.

    Raises:
        FrozenDriftError: If f_a changed, which would be a bug.
        DivergedError: When a training loss becomes NaN; what was finished stays in the store.
    """
    _check(trials, epochs, tolerance, inputs, protocol)
    attack = as_attack(attack)
    run = _Run(
        attack=attack,
        train_attack=attack if train_attack is None else as_attack(train_attack),
        recipe=replace(recipe, epochs=epochs),
        epochs=epochs,
        tolerance=tolerance,
        inputs=inputs,
        protocol=protocol,
        measure={"estimator": estimator, **(measure or {})},
        seed=seed,
        stage=f"algorithm1/{split.at}",
        store=MemoryStore() if store is None else store,
        key=key,
        progress=progress or (lambda event: None),
    )
    settings = run.settings(regular, robust, split)
    work = deepcopy(unwrap(robust))  # (f_a*, f_b*)
    cut = split.on(work)
    scored = run.scored(robust, data)
    base = run.baseline(regular, work, cut, scored, settings)
    acc_star = base["validation"]["robust"]

    done = []
    for t in range(trials):  # for t = 1, ..., T
        cut.load_f_b(unwrap(regular))  # f_b <- the regular network's
        done.append(run.trial(t, work, cut, scored, acc_star, settings))
        run.progress({"event": "trial", "trial": t + 1, "trials": trials})

    return RhoResult(
        cut=split.name,
        f_a=split.f_a,
        f_b=split.f_b,
        acc_star=base["attacked"]["robust"],
        acc_star_validation=acc_star,
        acc_sr=base["attacked"]["semirobust"],
        clean=base["clean"],
        attacked=base["attacked"],
        trials=tuple(done),  # rho_j = min over t of I_{j,t}: RhoResult.rho()
        settings={**settings, "trials": trials, "at": split.at},
        warnings=tuple(run.warnings(split, base, done)),
    )


@dataclass(frozen=True)
class _Scored:
    """The three parts as they are attacked: fresh each time (adaptive), or stored (static)."""

    data: DataSplits
    train: ImageData
    validation: ImageData
    test: ImageData


@dataclass(frozen=True)
class _Run:
    """The settings of one run, and the steps that use them."""

    attack: Attack
    train_attack: Attack
    recipe: Recipe
    epochs: int
    tolerance: float
    inputs: str
    protocol: str
    measure: Mapping[str, Any]
    seed: int
    stage: str
    store: StoreLike
    key: str
    progress: Listener

    def trial(
        self,
        t: int,
        work: nn.Module,
        cut: Split,
        scored: _Scored,
        acc_star: AccuracyRecord,
        settings: dict[str, Any],
    ) -> Trial:
        """Train f_b for up to E epochs with f_a* frozen, then measure; load what was done."""
        key = f"{self.key}/trial{t}"
        saved = self._load(f"{key}/result", settings)
        if saved is not None:
            return Trial.from_dict(saved["record"]["trial"])
        optimizer = build_optimizer(cut.trainable(), self.recipe)
        best, records = self._resumed(key, cut, optimizer, settings)
        with cut.frozen() as f_a:
            while not self._over(records, acc_star):  # for e = 1, ..., E, until converged
                epoch = len(records) + 1
                loss = train_epoch(
                    work,
                    optimizer,
                    scored.train,
                    recipe=self.recipe,
                    epoch=epoch,
                    attack=self.train_attack if self.protocol == "adaptive" else None,
                    seed=self.seed,
                    stage=self.stage,
                    trial=t,
                )
                acc = self._accuracy(work, scored.validation, "validation", t, epoch)  # Acc_t^e
                if not records or acc.correct > max(r.validation.correct for r in records):
                    best = cut.f_b_state()
                    self.store.save(f"{key}/best", best, {"settings": settings, "epoch": epoch})
                records.append(EpochRecord(epoch, loss, acc, f_a.check()))
                self._save_epoch(key, cut, optimizer, records, settings)
                self.progress(
                    {
                        "event": "epoch",
                        "trial": t + 1,
                        "epoch": epoch,
                        "epochs": self.epochs,
                        "loss": loss,
                        "accuracy": acc.percent,
                        "goal": acc_star.percent - self.tolerance,
                    }
                )
        cut.load_f_b(best)  # where it stopped; the best epoch if it did not converge
        test, profile = self._measured(work, cut, scored, t)  # I_{j,t}
        trial = Trial(
            index=t,
            epochs=tuple(records),
            converged=self._converged(records[-1].validation, acc_star),
            profile=profile,
            test=test,
            clean=accuracy(work, scored.data.test),
        )
        self.store.save(f"{key}/result", best, {"settings": settings, "trial": asdict(trial)})
        return trial

    def scored(self, robust: nn.Module, data: DataSplits) -> _Scored:
        """Return what is attacked: the data, or for the static protocol examples made once."""
        if self.protocol == "adaptive":
            return _Scored(data, data.train, data.validation, data.test)

        def stored(part: str, attack: Attack) -> ImageData:
            at = derive_seed(self.seed, f"{self.stage}/static/{part}")
            return perturbed(robust, getattr(data, part), attack, seed=at)

        return _Scored(
            data,
            stored("train", self.train_attack),
            stored("validation", self.attack),
            stored("test", self.attack),
        )

    def baseline(
        self,
        regular: nn.Module,
        work: nn.Module,
        cut: Split,
        scored: _Scored,
        settings: dict[str, Any],
    ) -> dict[str, dict[str, AccuracyRecord]]:
        """Return Acc*, Acc_sr and the regular net's accuracies; `work` enters as robust."""
        saved = self._load(f"{self.key}/baseline", settings)
        if saved is not None:
            table = saved["record"]["accuracies"]
            return {
                kind: {name: AccuracyRecord.from_dict(entry) for name, entry in row.items()}
                for kind, row in table.items()
            }
        found: dict[str, dict[str, AccuracyRecord]] = {
            "validation": {},
            "attacked": {},
            "clean": {},
        }
        found["validation"]["robust"] = self._accuracy(work, scored.validation, "baseline")
        for name in ("regular", "robust", "semirobust"):
            model = regular if name == "regular" else work
            if name == "semirobust":
                cut.load_f_b(unwrap(regular))  # (f_a*, f_b)
            found["attacked"][name] = self._accuracy(model, scored.test, f"test/{name}")
            found["clean"][name] = accuracy(model, scored.data.test)
        table = {k: {n: asdict(entry) for n, entry in row.items()} for k, row in found.items()}
        self.store.save(f"{self.key}/baseline", {}, {"settings": settings, "accuracies": table})
        return found

    def settings(self, regular: nn.Module, robust: nn.Module, split: Split) -> dict[str, Any]:
        """Return what results depend on, ready for JSON; a store of other settings is refused."""
        measure = {name: _plain(value) for name, value in self.measure.items()}
        return {
            "cut": split.at,
            "attack": self.attack.describe(),
            "train_attack": self.train_attack.describe(),
            "recipe": asdict(self.recipe),
            "epochs": self.epochs,
            "tolerance": self.tolerance,
            "inputs": self.inputs,
            "protocol": self.protocol,
            "measure": measure,
            "seed": self.seed,
            "regular": _fingerprint(regular),
            "robust": _fingerprint(robust),
        }

    def warnings(
        self, split: Split, base: Mapping[str, Mapping[str, AccuracyRecord]], done: list[Trial]
    ) -> list[str]:
        """Return the sentences that a reader of the result must see."""
        found = list(split.check())
        if self.protocol == "static":
            found.append(
                "Static protocol: all attacked accuracies are on stored examples, crafted once on "
                "the robust network. They are no robust accuracies."
            )
        missed = [trial.index + 1 for trial in done if not trial.converged]
        if len(missed) == len(done):
            found.append(
                f"No trial came within {self.tolerance:g} percentage points of the robust "
                "network, so rho, a minimum over converged trials, is undefined; other views of "
                "it are shown."
            )
        elif missed:
            found.append(f"{len(missed)} of {len(done)} trials did not converge and do not count.")
        acc_star, acc_sr = base["attacked"]["robust"], base["attacked"]["semirobust"]
        if self._converged(acc_sr, acc_star):
            found.append(
                f"(f_a*, f_b) is within {self.tolerance:g} points of the robust network before "
                "any retraining, on the test split: this cut does not need Algorithm 1."
            )
        return found

    def _over(self, records: list[EpochRecord], acc_star: AccuracyRecord) -> bool:
        if not records:
            return False
        return len(records) >= self.epochs or self._converged(records[-1].validation, acc_star)

    def _converged(self, acc: AccuracyRecord, acc_star: AccuracyRecord) -> bool:
        """Whether Acc* - Acc <= k, one-sided; 1e-9 for the rounding of percentages."""
        return acc_star.percent - acc.percent <= self.tolerance + 1e-9

    def _accuracy(
        self, model: nn.Module, part: ImageData, what: str, t: int = 0, epoch: int = 0
    ) -> AccuracyRecord:
        """Return accuracy under the threat: attacked now, or on examples stored before."""
        if self.protocol == "static":
            return replace(accuracy(model, part), attack=f"stored examples of {self.attack.label}")
        at = derive_seed(self.seed, f"{self.stage}/{what}", t, epoch)
        return accuracy(model, part, attack=self.attack, seed=at)

    def _measured(
        self, work: nn.Module, cut: Split, scored: _Scored, t: int
    ) -> tuple[AccuracyRecord, Profile]:
        """Return test accuracy and connectivity of f_b's pairs, on one and the same inputs."""
        if self.protocol == "static":
            attacked, label = scored.test, f"stored examples of {self.attack.label}"
        else:
            at = derive_seed(self.seed, f"{self.stage}/test", t)
            attacked = perturbed(work, scored.data.test, self.attack, seed=at)
            label = self.attack.label
        test = replace(accuracy(work, attacked), attack=label)
        adversarial = self.inputs == "adversarial"
        profile = connectivity(
            work,
            scored.data.test,
            [cut.f_a[-1], *cut.f_b],
            attack=self.attack if adversarial else None,
            attacked=attacked if adversarial else None,
            seed=derive_seed(self.seed, f"{self.stage}/connectivity", t),
            progress=lambda event: self.progress({**event, "trial": t + 1}),
            **self.measure,
        )
        return test, replace(profile, settings={**profile.settings, "protocol": self.protocol})

    def _load(self, key: str, settings: dict[str, Any]) -> dict[str, Any] | None:
        saved = self.store.load(key)
        if saved is None:
            return None
        before = saved["record"]["settings"]
        changed = [name for name in settings if before.get(name) != settings[name]]
        if changed:
            raise ValueError(
                f"The store holds {key!r} of a run with another {' and another '.join(changed)}. "
                "Use another store or another key; nothing was overwritten."
            )
        return saved

    def _resumed(
        self,
        key: str,
        cut: Split,
        optimizer: torch.optim.Optimizer,
        settings: dict[str, Any],
    ) -> tuple[dict[str, Tensor], list[EpochRecord]]:
        """Bring f_b and its optimizer to the last finished epoch, if there is one.

        The best weights may be one epoch ahead, when the run was killed between the two saves;
        that epoch is then done again, with the same outcome.
        """
        state = self._load(f"{key}/state", settings)
        best = self._load(f"{key}/best", settings)
        if state is None or best is None:
            return {}, []
        unpack_optimizer(optimizer, state["tensors"])
        weights = {n: v for n, v in state["tensors"].items() if not n.startswith("optimizer.")}
        cut.load_f_b({name.removeprefix("f_b."): value for name, value in weights.items()})
        return best["tensors"], [EpochRecord.from_dict(r) for r in state["record"]["epochs"]]

    def _save_epoch(
        self,
        key: str,
        cut: Split,
        optimizer: torch.optim.Optimizer,
        records: list[EpochRecord],
        settings: dict[str, Any],
    ) -> None:
        tensors = {f"f_b.{name}": value for name, value in cut.f_b_state().items()}
        record = {"settings": settings, "epochs": [asdict(record) for record in records]}
        self.store.save(f"{key}/state", {**tensors, **pack_optimizer(optimizer)}, record)


def _check(trials: int, epochs: int, tolerance: float, inputs: str, protocol: str) -> None:
    if trials < 1 or epochs < 1:
        raise ValueError(f"`trials` and `epochs` must be at least 1, got {trials} and {epochs}.")
    if not tolerance >= 0:
        raise ValueError(
            f"`tolerance` must be percentage points >= 0, got {tolerance}. The stop is one-sided: "
            "Acc* - Acc <= tolerance."
        )
    for kind, value, known in (
        ("kind of inputs", inputs, ("adversarial", "clean")),
        ("protocol", protocol, ("adaptive", "static")),
    ):
        if value not in known:
            raise ValueError(unknown(kind, value, known))


def _fingerprint(model: nn.Module) -> str:
    """Return 16 hexadecimal digits of a hash over all weights and buffers."""
    digest = sha256()
    for name, tensor in unwrap(model).state_dict().items():
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)
