"""How networks are scored: accuracy under an attack, perturbed data, and a check before either.

Everything random is drawn from `derive_seed`, so that any piece of work can be redone alone.
"""

from __future__ import annotations

import hashlib
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from robustsplit.attacks import Attack, as_attack
from robustsplit.attacks.logits import LogitModel
from robustsplit.data import ImageData, as_image_data
from robustsplit.network.models import eval_mode
from robustsplit.results import AccuracyRecord

__all__ = ["accuracy", "check_logits", "derive_seed", "perturbed", "place", "torch_seeded"]


def accuracy(
    model: nn.Module, data: Any, *, attack: Any = None, batch_size: int = 256, seed: int = 0
) -> AccuracyRecord:
    """Return how many inputs the model classifies rightly, in eval mode, under an attack on it.

    Args:
        model: The network; left as found.
        data: `ImageData`, a pair (inputs, labels), a Dataset or a DataLoader.
        attack: Run against this very network (adaptive); None scores the inputs as they are.
        batch_size: Images at a time.
        seed: Of the attack's random starts, which also depend on the batch.

    Returns:
        The counts, over all inputs and for each class that has any, and which inputs were
        classified rightly: `AccuracyRecord.minus` compares two networks image by image.
    """
    data, attack = as_image_data(data), as_attack(attack)
    device, _ = place(model)
    logits = LogitModel(model, (0, int(data.labels.max())))
    rights = []
    with eval_mode(model):
        for inputs, labels in _attacked(model, data, attack, batch_size, seed):
            with torch.no_grad():
                answers = logits(inputs.to(device)).argmax(dim=1)
            rights.append(answers.cpu() == labels)
    right = torch.cat(rights)
    order = hashlib.sha256(data.labels.numpy().astype("<i8").tobytes()).hexdigest()[:16]
    correct = torch.bincount(data.labels[right], minlength=data.n_classes).tolist()
    by_class = {
        name: (hits, count)
        for hits, (name, count) in zip(correct, data.counts.items(), strict=True)
        if count
    }
    return AccuracyRecord.of_answers(
        right.numpy(), attack=attack.label, by_class=by_class, labels=order
    )


def perturbed(
    model: nn.Module, data: Any, attack: Any, *, batch_size: int = 256, seed: int = 0
) -> ImageData:
    """Return the data with every input replaced by the attack's answer for `model`.

    Args:
        model: The network; left as found.
        data: `ImageData`, a pair (inputs, labels), a Dataset or a DataLoader.
        attack: As for `robustsplit.attacks.as_attack`.
        batch_size: Images at a time.
        seed: Of the attack's random starts, which also depend on the batch.

    Returns:
        float32 inputs on the CPU, clipped to [0, 1], with the labels of `data`.
    """
    data, attack = as_image_data(data), as_attack(attack)
    with eval_mode(model):
        pairs = list(_attacked(model, data, attack, batch_size, seed))
    inputs = torch.cat([inputs.float().cpu() for inputs, _ in pairs])
    inputs = inputs.clamp(0, 1)  # the guard lets foreign attacks pass the bounds by rounding
    return ImageData(inputs, data.labels, data.classes, data.name)


def check_logits(model: nn.Module, *parts: ImageData) -> None:
    """Raise before any work is done unless the model gives one logit per class for these data.

    Args:
        model: The network; left as found.
        parts: What it will be trained or scored on.

    Raises:
        TypeError: When it returns something without logits, such as a tuple.
        ValueError: For labels outside the logits, another shape, or NaN.
    """
    device, dtype = place(model)
    largest = max(int(part.labels.max()) for part in parts)
    logits = LogitModel(model, (0, largest))
    with warnings.catch_warnings(), eval_mode(model), torch.no_grad(), torch_seeded(0, device):
        warnings.simplefilter("ignore")  # what is wrong but possible is said when it is used
        logits(parts[0].inputs[:2].to(device, dtype))


def derive_seed(seed: int, stage: str, trial: int = 0, epoch: int = 0, batch: int = 0) -> int:
    """Return the seed of one piece of work: 63 bits of NumPy's SeedSequence of all five arguments.

    Different pieces get unrelated streams, and each can be redone without the ones before it.

    Args:
        seed: The seed of the whole study.
        stage: Name of the work; its CRC-32 enters.
        trial: The trial.
        epoch: The epoch.
        batch: The batch.

    Returns:
        A whole number from 0 to 2^63 - 1.
    """
    entropy = [seed, zlib.crc32(stage.encode()), trial, epoch, batch]
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


def place(model: nn.Module) -> tuple[torch.device, torch.dtype]:
    """Return the device and the floating type that the model's inputs must have."""
    first = next((p for p in model.parameters() if p.is_floating_point()), torch.zeros(()))
    return first.device, first.dtype


@contextmanager
def torch_seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators, which dropout uses, and restore them afterwards.

    Args:
        seed: The seed inside the block.
        device: The device whose generator is restored besides the CPU's.

    Yields:
        Nothing; the generators are seeded inside the block.
    """
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def _attacked(
    model: nn.Module, data: ImageData, attack: Attack, batch_size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    device, dtype = place(model)
    for index, (inputs, labels) in enumerate(data.batches(batch_size)):
        at = derive_seed(seed, "evaluation", batch=index)
        yield attack.perturb(model, inputs.to(device, dtype), labels.to(device), seed=at), labels
