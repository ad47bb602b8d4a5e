r"""Algorithm 1 of the paper: the connectivity that f_b needs, learned over T trainings of it.

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

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Literal

from torch import nn

from mitools.estimators.base import MutualInformationEstimator
from mitools.samples.messages import unknown
from robustsplit.analysis.threat import Threat
from robustsplit.analysis.trials import TrialStore, run_settings
from robustsplit.attacks import as_attack
from robustsplit.data import DataSplits
from robustsplit.measurement import Measurement
from robustsplit.network import Split, unwrap
from robustsplit.results import AccuracyRecord, EpochRecord, RhoResult, Trial
from robustsplit.training import (
    MemoryStore,
    Recipe,
    StoreLike,
    build_optimizer,
    check_logits,
    train_epoch,
)

__all__ = ["learn_rho"]


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
    measure: Measurement | Mapping[str, Any] | None = None,
    seed: int = 0,
    store: StoreLike | None = None,
    key: str = "algorithm1",
    progress: Callable[[dict[str, Any]], None] | None = None,
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
        estimator: As in `Measurement`; `measure` may name another.
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
        measure: How connectivity is measured: a `Measurement`, or its settings, such as
            ``{"point": "pre", "released": False}``.
        seed: All randomness is derived from it.
        store: Finished epochs and trials are kept here, and found again after a kill.
        key: Prefix of this run's keys in the store.
        progress: Called with a dict after each epoch ("event": "epoch"), each measured pair
            ("pair") and each trial ("trial").

    Returns:
        Every I_{j,t} and Acc_t^e, and the accuracies around them.

    Raises:
        TypeError: For data that are no `DataSplits`, a network that returns no logits, or a
            setting of a measurement that there is not.
        ValueError: For labels outside the logits, settings that make no sense, and a store of
            another run.
        FrozenDriftError: If f_a changed, which would be a bug.
        DivergedError: When a training loss becomes NaN; what was finished stays in the store.
    """
    _check(data, trials, epochs, tolerance, inputs, protocol)
    tell = progress or (lambda event: None)
    recipe = replace(recipe, epochs=epochs)
    for network in (regular, robust):
        check_logits(network, data.train, data.validation, data.test)
    attack = as_attack(attack)
    threat = Threat(
        data=data,
        attack=attack,
        train_attack=attack if train_attack is None else as_attack(train_attack),
        inputs=inputs,
        protocol=protocol,
        measurement=_measurement(estimator, measure),
        seed=seed,
        stage=f"algorithm1/{split.at}",
    ).against(robust)
    settings = run_settings(threat, regular, robust, split.at, recipe, tolerance)
    kept = TrialStore(MemoryStore() if store is None else store, key, settings)

    work = deepcopy(unwrap(robust))  # (f_a*, f_b*)
    cut = split.on(work)
    for parameter in cut.trainable():
        parameter.requires_grad_(True)  # f_b is trained even where it was handed over frozen
    base = kept.baseline() or kept.save_baseline(threat.baseline(regular, work, cut))
    acc_star = base["validation"]["robust"]  # Acc* = attacked accuracy of F*

    done: list[Trial] = []
    for t in range(trials):  # for t = 1, ..., T
        trial = kept.trial(t)
        if trial is None:
            cut.load_f_b(unwrap(regular))  # initialise f_b with the regular weights
            optimizer = build_optimizer(cut.trainable(), recipe)
            best, seen = kept.resume(t, cut, optimizer)
            with cut.frozen() as f_a:  # freeze f_a*
                for e in range(len(seen) + 1, epochs + 1):  # for e = 1, ..., E
                    if seen and converged(seen[-1].validation, acc_star, tolerance):
                        break  # stop when Acc* - Acc_t^e <= k
                    loss = train_epoch(  # train f_b on attacked data
                        work,
                        optimizer,
                        threat.train,
                        recipe=recipe,
                        epoch=e,
                        attack=threat.on_the_fly,
                        seed=seed,
                        stage=threat.stage,
                        trial=t,
                    )
                    acc = threat.accuracy(work, "validation", t, e)  # Acc_t^e
                    if not seen or acc.correct > max(r.validation.correct for r in seen):
                        best = kept.save_best(t, e, cut)
                    seen.append(EpochRecord(e, loss, acc, f_a.check()))  # f_a* did not move
                    kept.save_epochs(t, seen, cut, optimizer)
                    tell(
                        {
                            "event": "epoch",
                            "trial": t + 1,
                            "epoch": e,
                            "epochs": epochs,
                            "loss": loss,
                            "accuracy": acc.percent,
                            "goal": acc_star.percent - tolerance,
                        }
                    )
            cut.load_f_b(best)  # where it stopped; the best epoch if it did not converge
            # I_{j,t} = sum_y pi(y) I(f^(j-1); f^(j) given y), for j > a
            test, clean, profile = threat.measured(work, cut, t, progress=tell)
            met = converged(seen[-1].validation, acc_star, tolerance)
            trial = Trial(t, tuple(seen), met, profile, test, clean)
            kept.save_trial(trial, best)
        done.append(trial)
        tell({"event": "trial", "trial": t + 1, "trials": trials})

    return RhoResult(  # rho_j = min over t of I_{j,t}, and Acc~: views, RhoResult.rho(...)
        cut=split.name,
        f_a=split.f_a,
        f_b=split.f_b,
        acc_star=base["attacked"]["robust"],
        acc_star_validation=acc_star,
        acc_sr=base["attacked"]["semirobust"],
        clean=base["clean"],
        attacked=base["attacked"],
        trials=tuple(done),
        settings={**settings, "trials": trials, "at": split.at, "f_a_notes": list(split.notes)},
        warnings=(*split.check(), *_warnings(protocol, tolerance, base["attacked"], done)),
    )


def converged(acc: AccuracyRecord, acc_star: AccuracyRecord, tolerance: float) -> bool:
    """Return whether Acc* - Acc <= k: one-sided, so a more accurate network has converged.

    Args:
        acc: Acc, the accuracy of the network that is trained.
        acc_star: Acc*, the accuracy of the robust network.
        tolerance: k, in percentage points; 1e-9 is added for the rounding of percentages.

    Returns:
        Whether training may stop.
    """
    return acc_star.percent - acc.percent <= tolerance + 1e-9


def _measurement(
    estimator: MutualInformationEstimator | None, measure: Measurement | Mapping[str, Any] | None
) -> Measurement:
    """Return how to measure; an estimator that `measure` names comes before the other."""
    how = Measurement.of(measure)
    return how if how.estimator is not None else Measurement.of(how, estimator=estimator)


def _check(
    data: Any, trials: int, epochs: int, tolerance: float, inputs: str, protocol: str
) -> None:
    if not isinstance(data, DataSplits):
        raise TypeError(
            f"`data` must be DataSplits(train, validation, test), got {type(data).__name__}. "
            "robustsplit.data.split divides one data set into the three."
        )
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


def _warnings(
    protocol: str, tolerance: float, attacked: Mapping[str, AccuracyRecord], done: list[Trial]
) -> Iterator[str]:
    """Yield the sentences that a reader of the result must see."""
    if protocol == "static":
        yield (
            "Static protocol: all attacked accuracies are on stored examples, crafted once on "
            "the robust network. They are not robust accuracies."
        )
    missed = [trial for trial in done if not trial.converged]
    if len(missed) == len(done):
        yield (
            f"No trial came within {tolerance:g} percentage points of the robust network. Rho is "
            "the minimum over the converged trials, so it is undefined. Other views of it are "
            "shown instead."
        )
    elif missed:
        yield f"{len(missed)} of {len(done)} trials did not converge; rho is not taken from them."
    if converged(attacked["semirobust"], attacked["robust"], tolerance):
        yield (
            f"Before any retraining, (f_a*, f_b) is already within {tolerance:g} percentage "
            "points of the robust network, on the test split. This cut does not need Algorithm 1."
        )
