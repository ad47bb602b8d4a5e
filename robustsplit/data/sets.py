"""The known sets: scikit-learn's digits, and CIFAR and Imagenette from a local copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mitools.samples.messages import require, unknown
from robustsplit.data.files import from_folder
from robustsplit.data.images import DataSplits, ImageData
from robustsplit.data.splits import split, with_validation

__all__ = ["cifar10", "cifar100", "digits", "imagenette"]


def digits(seed: int = 0) -> DataSplits:
    """Return scikit-learn's 1,797 handwritten digits (8 x 8 scans): 1,000 / 297 / 500, stratified.

    A toy: the scans are tiny, and the same writers occur in all three parts, which flatters
    accuracy.

    Args:
        seed: Which stratified split is drawn.

    Returns:
        Inputs with shape (n, 1, 8, 8), values 0, 1/16, ..., 1; about 50 test images per class.

    Example:
        >>> from robustsplit.data import digits
        >>> digits().test
        ImageData('digits': 500 inputs of 1 x 8 x 8, 10 classes)
    """
    bunch = require("sklearn.datasets", extra="torch", purpose="The digits").load_digits()
    images = torch.from_numpy(np.ascontiguousarray(bunch.images, dtype=np.float32) / 16.0)
    whole = ImageData(
        images[:, None], torch.from_numpy(bunch.target.astype(np.int64)), (), "digits"
    )
    return split(whole, validation=297, test=500, seed=seed)


def cifar10(root: str | Path, *, seed: int = 0) -> DataSplits:
    """Read CIFAR-10 from a local copy; nothing is downloaded.

    Args:
        root: The folder that holds `cifar-10-batches-py/`.
        seed: Which training images become the validation set.

    Returns:
        The three parts, with inputs of shape (n, 3, 32, 32) in [0, 1].

    Raises:
        FileNotFoundError: When the data is not there, or a file of it is damaged.
    """
    return _torchvision("CIFAR10", root, {"train": True}, {"train": False}, seed=seed)


def cifar100(root: str | Path, *, seed: int = 0) -> DataSplits:
    """Read CIFAR-100 with its 100 fine labels from a local copy; nothing is downloaded.

    Args:
        root: The folder that holds `cifar-100-python/`.
        seed: Which training images become the validation set.

    Returns:
        The three parts, with inputs of shape (n, 3, 32, 32) in [0, 1].

    Raises:
        FileNotFoundError: When the data is not there, or a file of it is damaged.
    """
    return _torchvision("CIFAR100", root, {"train": True}, {"train": False}, seed=seed)


def imagenette(
    root: str | Path, *, size: int = 224, release: str = "320px", seed: int = 0
) -> DataSplits:
    """Read Imagenette from a local copy of `imagenette2[-320|-160]/` below `root`.

    Args:
        root: The folder above it, or the folder itself.
        size: Side of the square the images are resized and cropped to, in pixels.
        release: "full", "320px" or "160px": which copy it is.
        seed: Which training images become the validation set.

    Returns:
        The three parts; the "val" part of Imagenette is the test part here, as in the paper.

    Raises:
        FileNotFoundError: When the data is not there.
        ValueError: For an unknown release, and as for `from_folder`.
    """
    folders = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}
    if release not in folders:
        raise ValueError(unknown("Imagenette release", release, folders))
    base = Path(root) / folders[release]
    if not base.is_dir() and (Path(root) / "train").is_dir():
        base = Path(root)  # the folder itself was given
    parts = {"train": from_folder(base / "train", size=size)}
    parts["test"] = from_folder(base / "val", size=size)
    parts = {
        k: ImageData(data.inputs, data.labels, data.classes, "imagenette")
        for k, data in parts.items()
    }
    return with_validation(parts, seed, where=str(base))


def _torchvision(
    name: str, root: str | Path, train: dict[str, Any], test: dict[str, Any], *, seed: int
) -> DataSplits:
    datasets = require("torchvision.datasets", extra="torch", purpose=name)
    parts = {}
    for part, options in (("train", train), ("test", test)):
        try:
            loaded = getattr(datasets, name)(str(root), download=False, **options)
        except RuntimeError as error:
            raise FileNotFoundError(
                f"{name} was not found below {root}, or a file of it is damaged: {error} Nothing "
                "is downloaded here; unpack the archive there first."
            ) from error
        pixels = torch.from_numpy(loaded.data.transpose(0, 3, 1, 2).astype(np.float32) / 255.0)
        targets = torch.tensor(loaded.targets)
        parts[part] = ImageData(pixels, targets, tuple(loaded.classes), name)
    return with_validation(parts, seed, where=str(root))
