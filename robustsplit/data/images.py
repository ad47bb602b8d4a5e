"""Inputs with their labels, checked: `ImageData`, three of them as `DataSplits`, `as_image_data`.

Attacks measure their budget in units of the pixel range, so images live in [0, 1] everywhere in
this package; a mean and a standard deviation belong into the model (`NormalizedModel`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from robustsplit.data.overlap import check_disjoint
from robustsplit.data.parts import parts_of

__all__ = ["DataSplits", "ImageData", "as_image_data", "as_tensor"]

#: Rounding, as of resizing or colour conversion: values this near to [0, 1] are set to its bound.
ROUNDING = 1e-5
#: Values this near to [0, 1] come from interpolation that overshoots, not from normalisation.
OVERSHOOT = 0.25
#: No data set comes in more parts.
MANY_PARTS = 10
#: So many classes may have a name whatever the number of inputs; beyond, a label is an id.
MANY_CLASSES = 100_000


@dataclass(frozen=True, eq=False, repr=False)
class ImageData:
    """Inputs in [0, 1] with their labels; the size of a data set that fits into memory.

    Attributes:
        inputs: float32, with shape (n, ...), usually (n, channels, height, width), in [0, 1].
        labels: int64, with shape (n,), from 0.
        classes: Class names by label; "0", "1", ... when not given.
        name: What reports call the data.

    Raises:
        TypeError: For inputs or labels of the wrong kind.
        ValueError: For lengths that differ, missing values, images outside [0, 1], labels below 0.
    """

    inputs: Tensor
    labels: Tensor
    classes: tuple[str, ...] = ()
    name: str = "data"

    def __post_init__(self) -> None:
        inputs, labels = _checked_inputs(self.inputs), _checked_labels(self.labels)
        if len(inputs) != len(labels):
            raise ValueError(
                f"There must be one label per input, got {len(inputs)} inputs and {len(labels)} "
                "labels."
            )
        n_classes = int(labels.max()) + 1
        if not self.classes and n_classes > max(MANY_CLASSES, len(labels)):
            raise ValueError(
                f"Label {n_classes - 1} with {len(labels)} inputs is no class number; is it an "
                "id? Labels count the classes from 0: np.unique(y, return_inverse=True)[1]."
            )
        classes = tuple(map(str, self.classes)) or tuple(map(str, range(n_classes)))
        _check_names(classes)
        if n_classes > len(classes):
            raise ValueError(
                f"The largest label is {n_classes - 1}, but there are only {len(classes)} class "
                "names. Labels count from 0."
            )
        for field, value in (("inputs", inputs), ("labels", labels), ("classes", classes)):
            object.__setattr__(self, field, value)

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.inputs.shape[1:]))
        return f"ImageData({self.name!r}: {len(self)} inputs of {shape}, {self.n_classes} classes)"

    @property
    def n_classes(self) -> int:
        """How many classes have a name (a class may have no input here)."""
        return len(self.classes)

    @property
    def counts(self) -> dict[str, int]:
        """How many inputs each class has, in the order of the labels."""
        numbers = torch.bincount(self.labels, minlength=self.n_classes)
        return dict(zip(self.classes, numbers.tolist(), strict=True))

    def take(self, index: Any) -> ImageData:
        """Return the rows of `index` (positions or a Boolean mask) as data of their own."""
        index = torch.as_tensor(index)
        return ImageData(self.inputs[index], self.labels[index], self.classes, self.name)

    def at_most(self, per_class: int, *, seed: int = 0) -> ImageData:
        """Return at most `per_class` random inputs of every class, in their old order.

        Args:
            per_class: How many; at least 1.
            seed: Seed of the draw.

        Returns:
            The chosen inputs with their labels.

        Raises:
            ValueError: For `per_class` below 1.
        """
        if per_class < 1:
            raise ValueError(f"`per_class` must be at least 1, got {per_class}.")
        rng = np.random.default_rng(seed)
        labels = self.labels.numpy()
        keep = [
            rng.permutation(np.flatnonzero(labels == label))[:per_class]
            for label in np.unique(labels)
        ]
        return self.take(np.sort(np.concatenate(keep)))

    def batches(
        self, batch_size: int, *, shuffle_seed: int | None = None
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, labels) batch by batch; the order depends on `shuffle_seed` alone.

        Args:
            batch_size: Inputs per batch; the last batch holds the rest. When shuffled for
                training, a rest of one is joined to the batch before it: batch normalisation
                cannot use one input.
            shuffle_seed: Seed of the order; None keeps the order of the data.

        Yields:
            Freshly copied tensors, so that changing a batch in place leaves the data as they are.

        Raises:
            ValueError: For `batch_size` below 1, when the first batch is asked for.
        """
        if batch_size < 1:
            raise ValueError(f"`batch_size` must be at least 1, got {batch_size}.")
        n_samples = len(self)
        order = np.arange(n_samples)
        starts = list(range(0, n_samples, batch_size))
        if shuffle_seed is not None:
            order = np.random.default_rng(shuffle_seed).permutation(n_samples)
            if len(starts) > 1 and n_samples - starts[-1] == 1:
                starts.pop()
        for start, stop in zip(starts, [*starts[1:], n_samples], strict=True):
            index = torch.from_numpy(order[start:stop])
            yield self.inputs[index], self.labels[index]


@dataclass(frozen=True, eq=False)
class DataSplits:
    """Three disjoint parts: one to train on, one to stop and choose by, one to report.

    Attributes:
        train: What weights are fitted to.
        validation: What decides when to stop and which epoch or trial to keep.
        test: Used once per final network: accuracies that are reported, and connectivity.

    Each may be given as anything that `as_image_data` takes, such as a DataLoader.

    Raises:
        ValueError: For parts of different shapes or classes, and for parts that are copies of each
            other. A few shared inputs are warned of.
    """

    train: ImageData
    validation: ImageData
    test: ImageData

    def __post_init__(self) -> None:
        parts = {name: as_image_data(getattr(self, name)) for name in self.__dataclass_fields__}
        names = max((part.classes for part in parts.values()), key=len)
        for name, part in parts.items():
            if part.classes != names and part.classes == names[: len(part.classes)]:
                # a part may lack the last classes
                part = replace(part, classes=names)
            object.__setattr__(self, name, part)
        for part in (self.validation, self.test):
            if part.inputs.shape[1:] != self.train.inputs.shape[1:]:
                raise ValueError(
                    f"All parts must have inputs of one shape, got {tuple(part.inputs.shape[1:])} "
                    f"and {tuple(self.train.inputs.shape[1:])}. Resize the images first."
                )
            if part.classes != self.train.classes:
                raise ValueError(
                    f"All parts must have the same classes, got {part.classes} and "
                    f"{self.train.classes}."
                )
        check_disjoint({name: part.inputs for name, part in parts.items()})

    @property
    def name(self) -> str:
        """What reports call the data."""
        return self.train.name


def as_image_data(data: Any, labels: Any = None, *, name: str = "data") -> ImageData:
    """Turn what torch users have into `ImageData`.

    Args:
        data: `ImageData`, inputs (with `labels`), a pair (inputs, labels), a Dataset or a
            DataLoader of such pairs. Arrays and tensors on any device are accepted. Datasets and
            loaders are read once: what they augment at random is frozen.
        labels: The labels, when `data` holds inputs alone.
        name: What reports call the data.

    Returns:
        The data, on the CPU.

    Raises:
        TypeError: For anything else.
        ValueError: As for `ImageData`.
    """
    if isinstance(data, ImageData):
        return data
    if isinstance(data, DataSplits):
        raise TypeError("Pass one part of the splits, such as `data.test`, rather than all three.")
    if labels is not None:
        return ImageData(as_tensor(data), as_tensor(labels), (), name)
    classes: Sequence[str] = getattr(getattr(data, "dataset", data), "classes", ())
    if isinstance(data, DataLoader):
        pairs = [_pair(item) for item in data]
        inputs = torch.cat([as_tensor(x) for x, _ in pairs])
        return ImageData(inputs, torch.cat([as_tensor(y) for _, y in pairs]), tuple(classes), name)
    if isinstance(data, tuple | list) and len(data) == 2:
        return ImageData(as_tensor(data[0]), as_tensor(data[1]), (), name)
    if isinstance(data, Dataset) and hasattr(data, "__len__"):
        pairs = [_pair(data[index]) for index in range(len(data))]
        inputs = torch.stack([as_tensor(x) for x, _ in pairs])
        return ImageData(inputs, torch.tensor([int(y) for _, y in pairs]), tuple(classes), name)
    raise TypeError(
        "`data` must be ImageData, a pair (inputs, labels), a Dataset or a DataLoader, got "
        f"{type(data).__name__}."
    )


def _checked_inputs(inputs: Any) -> Tensor:
    if not isinstance(inputs, Tensor):
        raise TypeError(
            f"Inputs must be a tensor, got {type(inputs).__name__}. Use as_image_data(x, y), "
            "which accepts arrays, datasets and loaders."
        )
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise ValueError(
            f"Inputs must have shape (n, ...), such as (n, 3, 32, 32), got {tuple(inputs.shape)}."
        )
    if inputs.is_complex() or inputs.dtype == torch.bool:
        raise TypeError(f"Inputs must be real numbers, got {inputs.dtype}.")
    # A copy owned by torch: arrays from numpy may start at any address, and the last bits of a
    # matrix product can depend on the alignment of its operands.
    inputs = inputs.detach().to("cpu", torch.float32, copy=True).contiguous()
    if not torch.isfinite(inputs).all():
        bad = int((~torch.isfinite(inputs)).flatten(1).any(dim=1).sum())
        raise ValueError(
            f"{bad} of {len(inputs)} inputs hold NaN or infinity. Drop or repair them."
        )
    low, high = float(inputs.min()), float(inputs.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        if low >= 0 and 1.5 < high <= 255:
            advice = "Divide them by 255."
        elif low >= 0 and 255 < high <= 65535:
            advice = "Divide them by 65535."
        elif low >= -OVERSHOOT and high <= 1 + OVERSHOOT:
            advice = "If bicubic resizing overshot, clip them: x.clip(0, 1)."
        else:
            advice = (
                "Undo the normalisation, and put mean and standard deviation into the model with "
                "robustsplit.NormalizedModel(model, mean, std)."
            )
        raise ValueError(
            f"Images must lie in [0, 1], got values from {low:.7g} to {high:.7g}. {advice} Attack "
            "budgets such as 8/255 are measured in that range."
        )
    return inputs.clamp_(0, 1) if low < 0 or high > 1 else inputs


def _check_names(classes: tuple[str, ...]) -> None:
    if len(set(classes)) < len(classes):
        twice = next(name for name in classes if classes.count(name) > 1)
        raise ValueError(f"Two classes are named {twice!r}. Give each a name of its own.")
    if len(classes) <= MANY_PARTS and len(parts_of(classes)) == len(classes):
        raise ValueError(
            f"The classes are named {', '.join(classes)}: these are parts of a data set. Pass the "
            "folder of one part, with one sub-folder per class, or use splits_from_folder."
        )


def _checked_labels(labels: Any) -> Tensor:
    labels = as_tensor(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"Labels must have shape (n,), got {tuple(labels.shape)}. For one-hot labels pass "
            "labels.argmax(1)."
        )
    if labels.is_complex():
        raise TypeError(f"Labels must be whole numbers from 0, got {labels.dtype}.")
    if labels.is_floating_point():
        if not bool((labels == labels.floor()).all()):
            raise TypeError("Labels must be whole numbers from 0, got fractions.")
        if labels.numel() and float(labels.abs().max()) > 2**53:
            raise ValueError(f"Labels must count from 0, got {float(labels.abs().max()):.3g}.")
    labels = labels.detach().to("cpu", torch.int64, copy=True)
    if labels.numel() and int(labels.min()) < 0:
        raise ValueError(f"Labels must count from 0, got {int(labels.min())}.")
    return labels


def as_tensor(data: Any) -> Tensor:
    """Return numbers as a tensor.

    Args:
        data: An array or a list of numbers; a tensor is returned as it is.

    Returns:
        The tensor.

    Raises:
        TypeError: For anything but real numbers.
        ValueError: For unsigned numbers from 2**63 on.
    """
    if isinstance(data, Tensor):
        return data
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Data and labels must be numbers, got dtype {array.dtype}.")
    if array.dtype.kind == "u" and array.itemsize > 1:  # torch has few operations on these
        if array.size and array.max() > np.iinfo(np.int64).max:
            raise ValueError(f"Numbers must fit into 64 bits with a sign, got {array.max()}.")
        array = array.astype(np.int64)
    if array.dtype.kind == "f" and array.itemsize > 8:
        array = array.astype(np.float64)
    return torch.from_numpy(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")))


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise TypeError(
        f"A dataset or loader must give pairs (inputs, labels), got {type(item).__name__}."
    )
