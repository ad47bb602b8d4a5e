"""Images from a user's files: npz archives, and trees with a folder per class."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from robustsplit.data.images import DataSplits, ImageData, as_tensor
from robustsplit.data.splits import split, with_validation

__all__ = ["from_folder", "from_npz", "splits_from_folder", "splits_from_npz"]

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


def from_npz(path: str | Path) -> ImageData:
    """Read one set from an npz file with arrays "inputs" (or "x", "images") and "labels" (or "y").

    Args:
        path: The file. Pickled objects inside are refused.

    Returns:
        The data, named after the file. Shapes are kept: (n, channels, height, width) for a
        convolutional net. Bytes (uint8) are divided by 255, unless all are 0 or 1; other
        numbers must be in [0, 1] already.
    """
    with _npz(path) as file:
        inputs, labels = _npz_array(file, INPUT_KEYS, path), _npz_array(file, LABEL_KEYS, path)
        classes = tuple(map(str, file["classes"])) if "classes" in file.files else ()
    return ImageData(_from_bytes(inputs), as_tensor(labels), classes, Path(path).stem)


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
                        found[part] = (_from_bytes(file[x_key]), as_tensor(file[y_key]))
        classes = tuple(map(str, file["classes"])) if "classes" in names else ()
    if not found:
        return split(from_npz(path), seed=seed)
    n_classes = 1 + max(int(labels.max()) for _, labels in found.values())
    classes = classes or tuple(map(str, range(n_classes)))
    parts = {
        part: ImageData(inputs, labels, classes, Path(path).stem)
        for part, (inputs, labels) in found.items()
    }
    return with_validation(parts, seed, where=str(path))


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
    if "validation" in found and not {"train", "test"} & set(found):
        raise ValueError(
            f"{root} has the folder {found['validation'].name}/ and neither train/ nor test/, so "
            "it is neither a set with its parts nor a folder of classes. Expected train/ and "
            "test/ (and val/), or class folders alone."
        )
    if not found:
        return split(from_folder(root, size=size, grayscale=grayscale), seed=seed)
    parts = {
        part: from_folder(folder, size=size, grayscale=grayscale) for part, folder in found.items()
    }
    parts = {
        part: ImageData(data.inputs, data.labels, data.classes, root.name)
        for part, data in parts.items()
    }
    return with_validation(parts, seed, where=str(root))


def _npz(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file {path}. Pass an npz file with the arrays x and y.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no npz file, or a damaged one. Write it with numpy.savez.")
    return np.load(path, allow_pickle=False)


def _npz_array(file: Any, keys: tuple[str, ...], path: str | Path) -> np.ndarray:
    for key in keys:
        if key in file.files:
            return np.asarray(file[key])
    raise ValueError(
        f"{path} has no array named {' or '.join(map(repr, keys))}; it holds "
        f"{', '.join(file.files) or 'nothing'}."
    )


def _from_bytes(array: np.ndarray) -> Tensor:
    if array.dtype == np.uint8 and array.size and array.max() > 1:  # else it is black and white
        return torch.from_numpy(array.astype(np.float32) / 255.0)
    return as_tensor(array)


def _read_image(path: Path, size: int | None, grayscale: bool) -> Tensor:
    from PIL import Image

    with Image.open(path) as opened:
        if opened.mode in ("I", "F"):
            raise ValueError(
                f"{path} has 32-bit pixels, whose range is not known. Save it with 8 or 16 bits."
            )
        shallow: Image.Image = opened
        if opened.mode.startswith("I;16"):  # `convert` would cut off at 255, not scale
            deep = np.asarray(opened).astype(np.float64)
            shallow = Image.fromarray(np.round(deep / 257).astype(np.uint8))
        image = shallow.convert("L" if grayscale else "RGB")
    if size is not None:
        scale = size / min(image.size)
        wide, high = (max(size, round(side * scale)) for side in image.size)
        image = image.resize((wide, high), Image.Resampling.BILINEAR)
        left, top = (wide - size) // 2, (high - size) // 2
        image = image.crop((left, top, left + size, top + size))
    pixels = np.asarray(image, dtype=np.float32) / 255.0
    return torch.from_numpy(pixels[None] if grayscale else pixels.transpose(2, 0, 1).copy())
