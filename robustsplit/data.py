"""Images and labels as plain tensors in [0, 1]: digits, CIFAR, Imagenette, folders, npz, tensors.

Attacks measure their budget in units of the pixel range, so images live in [0, 1] everywhere in
this package; a mean and a standard deviation belong into the model (`zoo.NormalizedModel`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mitools.messages import require, unknown

__all__ = [
    "DataSplits",
    "ImageData",
    "as_image_data",
    "cifar10",
    "cifar100",
    "digits",
    "from_folder",
    "from_npz",
    "imagenette",
    "split",
    "splits_from_folder",
    "splits_from_npz",
]

#: Names under which the three parts are found in a folder tree or an npz file.
PARTS = {"train": ("train",), "validation": ("validation", "val", "valid"), "test": ("test",)}
IMAGE_SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".gif",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
}
INPUT_KEYS = ("inputs", "x", "images")
LABEL_KEYS = ("labels", "y")


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
        classes = tuple(map(str, self.classes)) or tuple(map(str, range(n_classes)))
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
        """Return at most `per_class` random inputs of every class, in their old order."""
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
    """

    train: ImageData
    validation: ImageData
    test: ImageData

    def __post_init__(self) -> None:
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

    @property
    def name(self) -> str:
        """What reports call the data."""
        return self.train.name


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


def split(
    data: ImageData, *, validation: float | int = 0.15, test: float | int = 0.25, seed: int = 0
) -> DataSplits:
    """Split data into train, validation and test, stratified by label.

    Args:
        data: The whole.
        validation: Number of inputs, or fraction of the whole.
        test: Likewise.
        seed: Which split is drawn.

    Returns:
        The three parts.
    """
    remaining, tested = _stratified(data, test, seed, "test")
    n_validation = round(validation * len(data)) if isinstance(validation, float) else validation
    train, validated = _stratified(remaining, n_validation, seed, "validation")
    return DataSplits(train, validated, tested)


def from_npz(path: str | Path) -> ImageData:
    """Read one set from an npz file with arrays "inputs" (or "x", "images") and "labels" (or "y").

    Args:
        path: The file. Pickled objects inside are refused.

    Returns:
        The data, named after the file. Shapes are kept: (n, channels, height, width) for a
        convolutional net. Bytes (uint8) are divided by 255; other numbers must be in [0, 1]
        already.
    """
    with _npz(path) as file:
        inputs, labels = _npz_array(file, INPUT_KEYS, path), _npz_array(file, LABEL_KEYS, path)
        classes = tuple(map(str, file["classes"])) if "classes" in file.files else ()
    return ImageData(_from_bytes(inputs), torch.as_tensor(labels), classes, Path(path).stem)


def splits_from_npz(path: str | Path, *, seed: int = 0) -> DataSplits:
    """Read three sets from an npz file: "x_train", "y_train", "x_test", ..., "y_val".

    Args:
        path: The file.
        seed: Which images of the training set become the validation set when the file has none; a
            file with plain "x" and "y" is split three ways.

    Returns:
        The three parts.
    """
    with _npz(path) as file:
        names = set(file.files)
        found = {}
        for part, aliases in PARTS.items():
            for alias in aliases:
                for x_key in (f"{key}_{alias}" for key in INPUT_KEYS):
                    y_key = next(
                        (f"{k}_{alias}" for k in LABEL_KEYS if f"{k}_{alias}" in names), ""
                    )
                    if x_key in names and y_key:
                        found[part] = (_from_bytes(file[x_key]), torch.as_tensor(file[y_key]))
        classes = tuple(map(str, file["classes"])) if "classes" in names else ()
    if not found:
        return split(from_npz(path), seed=seed)
    n_classes = 1 + max(int(labels.max()) for _, labels in found.values())
    classes = classes or tuple(map(str, range(n_classes)))
    parts = {
        part: ImageData(inputs, labels, classes, Path(path).stem)
        for part, (inputs, labels) in found.items()
    }
    return _with_validation(parts, seed, where=str(path))


def from_folder(
    root: str | Path, *, size: int | None = None, grayscale: bool = False
) -> ImageData:
    """Read a folder that has one folder of image files per class.

    Args:
        root: The folder; its sub-folders, sorted by name, are the classes 0, 1, ...
        size: Resize the shorter side to this many pixels and crop the centre square; None keeps
            the images as they are, and they must have one size.
        grayscale: One channel instead of red, green and blue.

    Returns:
        Inputs with shape (n, channels, height, width) in [0, 1].
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"No folder {root}. Pass a folder with one sub-folder per class.")
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    names = {folder.name for folder in folders}
    if "train" in names and "test" in names:
        raise ValueError(
            f"{root} has the folders train/ and test/, so it holds more than one set. Use "
            f"splits_from_folder({str(root)!r}), or pass one of the two folders."
        )
    files = [
        (path, label)
        for label, folder in enumerate(folders)
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not files:
        raise ValueError(
            f"No images found below {root}. Expected one folder per class, with files such as "
            f"{root}/cat/0001.png."
        )
    images = [_read_image(path, size, grayscale) for path, _ in files]
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"The images below {root} have {len(shapes)} different sizes, such as "
            f"{sorted(shapes)[0][1:]} and {sorted(shapes)[-1][1:]}. Pass size=224, or another."
        )
    labels = torch.tensor([label for _, label in files])
    return ImageData(torch.stack(images), labels, tuple(f.name for f in folders), root.name)


def splits_from_folder(
    root: str | Path, *, size: int | None = None, grayscale: bool = False, seed: int = 0
) -> DataSplits:
    """Read a folder with train/ and test/, and val/ if there is one, each with a folder per class.

    Args:
        root: The folder. Without a val/ (or validation/) folder, 15 % of the training images,
            stratified, become the validation set. A folder of class folders alone is split three
            ways.
        size: As in `from_folder`.
        grayscale: As in `from_folder`.
        seed: Which split is drawn where one is needed.

    Returns:
        The three parts.
    """
    root = Path(root)
    found = {
        part: root / alias
        for part, aliases in PARTS.items()
        for alias in reversed(aliases)
        if (root / alias).is_dir()
    }
    if not {"train", "test"} & set(found):
        return split(from_folder(root, size=size, grayscale=grayscale), seed=seed)
    parts = {
        part: from_folder(folder, size=size, grayscale=grayscale) for part, folder in found.items()
    }
    parts = {
        part: ImageData(data.inputs, data.labels, data.classes, root.name)
        for part, data in parts.items()
    }
    return _with_validation(parts, seed, where=str(root))


def cifar10(root: str | Path, *, seed: int = 0) -> DataSplits:
    """Read CIFAR-10 from a local `cifar-10-batches-py/` below `root`; downloads nothing."""
    return _torchvision("CIFAR10", root, {"train": True}, {"train": False}, seed=seed)


def cifar100(root: str | Path, *, seed: int = 0) -> DataSplits:
    """Read CIFAR-100, fine labels, from a local `cifar-100-python/` below `root`."""
    return _torchvision("CIFAR100", root, {"train": True}, {"train": False}, seed=seed)


def imagenette(
    root: str | Path, *, size: int = 224, release: str = "320px", seed: int = 0
) -> DataSplits:
    """Read Imagenette from a local copy of `imagenette2[-320|-160]/` below `root`.

    Args:
        root: The folder above it.
        size: Side of the square the images are resized and cropped to, in pixels.
        release: "full", "320px" or "160px": which copy it is.
        seed: Which training images become the validation set.

    Returns:
        The three parts; the "val" part of Imagenette is the test part here, as in the paper.
    """
    folders = {"full": "imagenette2", "320px": "imagenette2-320", "160px": "imagenette2-160"}
    if release not in folders:
        raise ValueError(unknown("Imagenette release", release, folders))
    base = Path(root) / folders[release]
    parts = {"train": from_folder(base / "train", size=size)}
    parts["test"] = from_folder(base / "val", size=size)
    parts = {
        k: ImageData(data.inputs, data.labels, data.classes, "imagenette")
        for k, data in parts.items()
    }
    return _with_validation(parts, seed, where=str(base))


def as_image_data(data: Any, labels: Any = None, *, name: str = "data") -> ImageData:
    """Turn what torch users have into `ImageData`.

    Args:
        data: `ImageData`, inputs (with `labels`), a pair (inputs, labels), a Dataset or a
            DataLoader of such pairs. Arrays and tensors on any device are accepted.
        labels: The labels, when `data` holds inputs alone.
        name: What reports call the data.

    Returns:
        The data, on the CPU.

    Raises:
        TypeError: For anything else.
    """
    if isinstance(data, ImageData):
        return data
    if isinstance(data, DataSplits):
        raise TypeError("Pass one part of the splits, such as `data.test`, rather than all three.")
    if labels is not None:
        return ImageData(_tensor(data), _tensor(labels), (), name)
    classes: Sequence[str] = getattr(getattr(data, "dataset", data), "classes", ())
    if isinstance(data, DataLoader):
        pairs = [_pair(item) for item in data]
        inputs = torch.cat([_tensor(x) for x, _ in pairs])
        return ImageData(inputs, torch.cat([_tensor(y) for _, y in pairs]), tuple(classes), name)
    if isinstance(data, tuple | list) and len(data) == 2:
        return ImageData(_tensor(data[0]), _tensor(data[1]), (), name)
    if isinstance(data, Dataset) and hasattr(data, "__len__"):
        pairs = [_pair(data[index]) for index in range(len(data))]
        inputs = torch.stack([_tensor(x) for x, _ in pairs])
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
    if low < 0 or high > 1:
        advice = (
            "Divide them by 255."
            if low >= 0 and 1.5 < high <= 255
            else "Undo the normalisation, and put mean and standard deviation into the model with "
            "NormalizedModel(model, mean, std)."
        )
        raise ValueError(
            f"Images must lie in [0, 1], got values from {low:.3g} to {high:.3g}. {advice} Attack "
            "budgets such as 8/255 are measured in that range."
        )
    return inputs


def _checked_labels(labels: Any) -> Tensor:
    labels = _tensor(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"Labels must have shape (n,), got {tuple(labels.shape)}. For one-hot labels pass "
            "labels.argmax(1)."
        )
    if labels.is_floating_point() and not bool((labels == labels.floor()).all()):
        raise TypeError("Labels must be whole numbers from 0, got fractions.")
    labels = labels.detach().to("cpu", torch.int64, copy=True)
    if labels.numel() and int(labels.min()) < 0:
        raise ValueError(f"Labels must count from 0, got {int(labels.min())}.")
    return labels


def _tensor(data: Any) -> Tensor:
    if isinstance(data, Tensor):
        return data
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"Data and labels must be numbers, got dtype {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, tuple | list) and len(item) == 2:
        return item[0], item[1]
    raise TypeError(
        f"A dataset or loader must give pairs (inputs, labels), got {type(item).__name__}."
    )


def _from_bytes(array: np.ndarray) -> Tensor:
    if array.dtype == np.uint8:
        return torch.from_numpy(array.astype(np.float32) / 255.0)
    return _tensor(array)


def _stratified(
    data: ImageData, size: float | int, seed: int, part: str
) -> tuple[ImageData, ImageData]:
    """Return (rest, part of `size`), each with the label frequencies of the whole."""
    from sklearn.model_selection import train_test_split

    counts = {name: count for name, count in data.counts.items() if count}
    rare = [name for name, count in counts.items() if count < 2]
    if rare:
        raise ValueError(
            f"Class {rare[0]!r} has a single input, so it cannot be in the {part} part and in the "
            "rest. Add inputs, drop the class, or bring an own split."
        )
    try:
        rest, chosen = train_test_split(
            np.arange(len(data)), test_size=size, stratify=data.labels.numpy(), random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"Cannot set {size} of {len(data)} inputs aside for the {part} part: {error}"
        ) from error
    return data.take(np.sort(rest)), data.take(np.sort(chosen))


def _with_validation(parts: dict[str, ImageData], seed: int, *, where: str) -> DataSplits:
    if missing := {"train", "test"} - set(parts):
        raise ValueError(f"{where} has no {missing.pop()} part. Expected train and test.")
    if "validation" not in parts:
        parts["train"], parts["validation"] = _stratified(parts["train"], 0.15, seed, "validation")
    return DataSplits(parts["train"], parts["validation"], parts["test"])


def _npz(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file {path}. Pass an npz file with the arrays x and y.")
    return np.load(path, allow_pickle=False)


def _npz_array(file: Any, keys: tuple[str, ...], path: str | Path) -> np.ndarray:
    for key in keys:
        if key in file.files:
            return np.asarray(file[key])
    raise ValueError(
        f"{path} has no array named {' or '.join(map(repr, keys))}; it holds "
        f"{', '.join(file.files) or 'nothing'}."
    )


def _read_image(path: Path, size: int | None, grayscale: bool) -> Tensor:
    from PIL import Image

    with Image.open(path) as opened:
        image = opened.convert("L" if grayscale else "RGB")
    if size is not None:
        scale = size / min(image.size)
        wide, high = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = (wide - size) // 2, (high - size) // 2
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image, dtype=np.float32) / 255.0
    return torch.from_numpy(pixels[None] if grayscale else pixels.transpose(2, 0, 1).copy())


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
    return _with_validation(parts, seed, where=str(root))
