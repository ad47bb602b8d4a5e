"""What a study works on: its images, its attack, its weights, and fingerprints of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from torch import nn

from robustsplit import data as datasets
from robustsplit.attacks import Attack, attack_from_config
from robustsplit.data import DataSplits
from robustsplit.network.hashing import hash_tensors, kind_of
from robustsplit.normalization import NormalizedModel
from robustsplit.study.config import Config
from robustsplit.study.sections import AttackConfig

__all__ = ["as_attack", "fingerprint", "load_data", "weights_fingerprint"]


def as_attack(config: AttackConfig) -> Attack:
    """Return the attack that a configuration names."""
    return attack_from_config({"name": config.name, **config.options})


def load_data(config: Config) -> DataSplits:
    """Return the images of a study, in three parts."""
    source, seed = config.data, config.seed
    if source.source == "digits":
        splits = datasets.digits(seed=seed)
    elif source.source == "npz":
        splits = datasets.splits_from_npz(source.path, seed=seed)
    elif source.source == "folder":
        splits = datasets.splits_from_folder(
            source.path, size=source.size or None, grayscale=source.grayscale, seed=seed
        )
    elif source.source == "imagenette":
        splits = datasets.imagenette(source.path, size=source.size or 224, seed=seed)
    else:
        splits = getattr(datasets, source.source)(source.path, seed=seed)

    def first(part: datasets.ImageData, most: int) -> datasets.ImageData:
        if not most or most >= len(part):
            return part
        # Files of a folder come sorted by class: the first of them all would be one class.
        labels = part.labels.numpy()
        share = np.empty(len(labels))
        for label in np.unique(labels):
            rows = np.flatnonzero(labels == label)
            share[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
        return part.take(np.sort(np.argsort(share, kind="stable")[:most]))

    return DataSplits(
        first(splits.train, source.max_train),
        first(splits.validation, source.max_test),
        first(splits.test, source.max_test),
    )


def fingerprint(thing: DataSplits | nn.Module) -> str:
    """Return the SHA-256 of all tensors of a data set or a network."""
    if isinstance(thing, nn.Module):
        tensors = list(thing.state_dict().values())
        if isinstance(thing, NormalizedModel):
            tensors += [thing.mean, thing.std]
    else:
        parts = (thing.train, thing.validation, thing.test)
        tensors = [tensor for part in parts for tensor in (part.inputs, part.labels)]
    return hash_tensors((kind_of(tensor), tensor) for tensor in tensors).hexdigest()


def weights_fingerprint(config: Config) -> dict[str, str]:
    """Return the SHA-256 of the user's weights files.

    Args:
        config: The study.

    Returns:
        It under "weights"; empty without such files.

    Raises:
        FileNotFoundError: When a file is missing.
    """
    given = [Path(p) for p in (config.model.weights, config.model.robust_weights) if p]
    for path in given:
        if not path.is_file():
            raise FileNotFoundError(f"No weights file {path}.")
    parts = [hashlib.sha256(path.read_bytes()).hexdigest() for path in given]
    return {"weights": " ".join(parts)} if parts else {}
