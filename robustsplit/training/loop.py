r"""One plain training loop, regular or adversarial, in which every epoch can be redone exactly.

Adversarial training minimises :math:`E[\max_{\delta} L(F(x + \delta), y)]` (section 1 of the
paper), with the inner maximum replaced by an attack on the current weights, batch by batch. The
attack runs in eval mode, inside its guard; the step runs in train mode.

Nothing random depends on what happened before: the order of the images, dropout and the start of
each attack are drawn from `derive_seed(seed, stage, trial, epoch, batch)`. A run that was killed
therefore resumes at the epoch it lost, with the same bits (on one machine, at one number of
threads).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from robustsplit.attacks import Attack, as_attack
from robustsplit.attacks.logits import LogitModel
from robustsplit.data import ImageData, as_image_data
from robustsplit.recipe import Recipe
from robustsplit.results import AccuracyRecord
from robustsplit.training.evaluation import (
    accuracy,
    check_logits,
    derive_seed,
    place,
    torch_seeded,
)
from robustsplit.training.store import StoreLike, pack_optimizer, unpack_optimizer

__all__ = [
    "DivergedError",
    "EpochLog",
    "Recipe",
    "build_optimizer",
    "fit",
    "train_epoch",
]


class DivergedError(RuntimeError):
    """The training loss became NaN or infinite; what was finished before is kept."""


@dataclass(frozen=True)
class EpochLog:
    """One epoch, from 1: its mean training loss in nats and its validation accuracy."""

    epoch: int
    loss: float
    validation: AccuracyRecord | None = None


def fit(
    model: nn.Module,
    train: Any,
    *,
    recipe: Recipe,
    attack: Any = None,
    validation: Any = None,
    seed: int = 0,
    parameters: Iterable[nn.Parameter] | None = None,
    store: StoreLike | None = None,
    key: str = "fit",
    on_epoch: Callable[[EpochLog], None] | None = None,
) -> tuple[EpochLog, ...]:
    """Train `model` in place, on clean inputs or on inputs attacked on the fly.

    Args:
        model: The network; start an adversarial training from a regular network's weights by
            passing a copy of it, as published, or from scratch by passing a fresh one.
        train: Training data: `ImageData`, a pair (inputs, labels), a Dataset or a DataLoader.
        recipe: How to train.
        attack: What perturbs each batch; None for regular training.
        validation: Data to score after each epoch, under the same attack.
        seed: All randomness is derived from it, from `key` and from the epoch.
        parameters: What the optimizer may change; all parameters that require gradients by
            default.
        store: Where each finished epoch is kept; epochs found there are not done again.
        key: Name of this training, in the store and in the derived seeds.
        on_epoch: Called with each epoch's log, loaded or computed.

    Returns:
        The log of each epoch. The model is left in eval mode.

    Raises:
        DivergedError: When the loss becomes NaN or infinite.
        TypeError: When the model returns no logits.
        ValueError: For labels outside the logits, and when the store holds a training of this key
            with other settings.
    """
    train, attack = as_image_data(train), None if attack is None else as_attack(attack)
    validation = None if validation is None else as_image_data(validation)
    check_logits(model, *(part for part in (train, validation) if part is not None))
    present = [name for name, count in train.counts.items() if count]
    if len(present) < 2:
        raise ValueError(
            f"Training needs two classes or more, and all {len(train)} training inputs have the "
            f"label {present[0]!r}. There is nothing to learn. Check the labels."
        )
    chosen = _trainable(model) if parameters is None else list(parameters)
    optimizer = build_optimizer(chosen, recipe)
    settings = {"recipe": asdict(recipe), "seed": seed, "attack": as_attack(attack).describe()}
    logs = _resumed(model, optimizer, store, key, settings)
    for log in logs:
        _tell(on_epoch, log)
    for epoch in range(len(logs) + 1, recipe.epochs + 1):
        loss = train_epoch(
            model,
            optimizer,
            train,
            recipe=recipe,
            epoch=epoch,
            attack=attack,
            seed=seed,
            stage=key,
        )
        scored = None
        if validation is not None:
            at = derive_seed(seed, f"{key}/validation", 0, epoch)
            scored = accuracy(model, validation, attack=attack, seed=at)
        logs.append(EpochLog(epoch, loss, scored))
        if store is not None:
            tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
            record = {"settings": settings, "epochs": [asdict(log) for log in logs]}
            store.save(f"{key}/state", {**tensors, **pack_optimizer(optimizer)}, record)
        _tell(on_epoch, logs[-1])
    model.eval()
    return tuple(logs)


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    train: ImageData,
    *,
    recipe: Recipe,
    epoch: int,
    attack: Attack | None = None,
    seed: int = 0,
    stage: str = "fit",
    trial: int = 0,
) -> float:
    """Train for one epoch and return the mean loss, in nats.

    Args:
        model: The network, changed in place and left in train mode (frozen parts stay in eval
            mode).
        optimizer: Over the parameters that may change.
        train: Training data.
        recipe: Batch size and learning rate.
        epoch: From 1. With `seed`, `stage` and `trial` it determines everything random in it.
        attack: Perturbs each batch, against the current weights.
        seed: See `derive_seed`.
        stage: See `derive_seed`.
        trial: See `derive_seed`.

    Returns:
        The mean cross-entropy over the training inputs, in nats.

    Raises:
        DivergedError: When the loss or a trained parameter becomes NaN or infinite.
    """
    device, dtype = place(model)
    steps = -(-len(train) // recipe.batch_size)
    order = derive_seed(seed, f"{stage}/order", trial, epoch)
    logits = LogitModel(model, (0, int(train.labels.max())))
    total = 0.0
    model.train()
    with torch_seeded(derive_seed(seed, f"{stage}/torch", trial, epoch), device):
        for step, batch in enumerate(train.batches(recipe.batch_size, shuffle_seed=order)):
            inputs, labels = batch[0].to(device, dtype), batch[1].to(device)
            if attack is not None:
                at = derive_seed(seed, f"{stage}/attack", trial, epoch, step)
                inputs = attack.perturb(model, inputs, labels, seed=at)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate(epoch - 1 + step / steps)
            loss = functional.cross_entropy(logits(inputs), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            if not (isfinite(loss.item()) and _finite(optimizer)):
                raise DivergedError(
                    f"Training diverged in step {step + 1} of epoch {epoch} of {stage!r}: the "
                    f"loss was {loss.item():.3g} at learning rate {group['lr']:.3g}. Lower the "
                    "learning rate; epochs finished before this one are kept."
                )
            total += loss.item() * len(labels)
    return total / len(train)


def build_optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over these parameters and no others.

    Leaving frozen parameters out is what keeps them: momentum and weight decay move a parameter
    even when its gradient is zero.

    Args:
        parameters: What it may change.
        recipe: Kind of the optimizer, learning rate, momentum and weight decay.

    Returns:
        The optimizer.

    Raises:
        ValueError: For no parameters at all.
    """
    chosen = list(parameters)
    if not chosen:
        raise ValueError("There is nothing to train: no parameter requires a gradient.")
    decay = recipe.weight_decay
    if recipe.optimizer == "adam":
        return torch.optim.Adam(chosen, lr=recipe.lr, weight_decay=decay)
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(chosen, lr=recipe.lr, weight_decay=decay)
    return torch.optim.SGD(chosen, lr=recipe.lr, momentum=recipe.momentum, weight_decay=decay)


def _resumed(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    store: StoreLike | None,
    key: str,
    settings: dict[str, Any],
) -> list[EpochLog]:
    """Bring model and optimizer to the last stored epoch and return the logs up to it."""
    saved = None if store is None else store.load(f"{key}/state")
    if saved is None:
        return []
    if saved["record"]["settings"] != settings:
        raise ValueError(
            f"The store holds a training {key!r} with other settings: "
            f"{saved['record']['settings']} rather than {settings}. Use another store or key."
        )
    tensors = saved["tensors"]
    prefix = "model."
    weights = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    model.load_state_dict(weights)
    unpack_optimizer(optimizer, tensors)
    return [
        EpochLog(
            log["epoch"],
            log["loss"],
            log["validation"] and AccuracyRecord.from_dict(log["validation"]),
        )
        for log in saved["record"]["epochs"]
    ]


def _finite(optimizer: torch.optim.Optimizer) -> bool:
    """Whether every trained parameter is finite; one pass over them, as cheap as a step."""
    with torch.no_grad():
        sums = [p.sum() for group in optimizer.param_groups for p in group["params"]]
        return bool(torch.isfinite(torch.stack(sums)).all())


def _trainable(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _tell(listener: Callable[[EpochLog], None] | None, log: EpochLog) -> None:
    if listener is not None:
        listener(log)
