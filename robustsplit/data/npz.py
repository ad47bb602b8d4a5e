"""Images from npz files, as NumPy, Keras and MedMNIST write them."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mitools.samples.messages import unknown
from robustsplit.data.images import DataSplits, ImageData, as_tensor
from robustsplit.data.parts import as_published, part_of
from robustsplit.data.splits import split, with_validation

__all__ = ["from_npz", "splits_from_npz"]

#: Names of the two arrays, the preferred first; a part's name may stand before or behind.
INPUT_KEYS = ("inputs", "x", "images", "image", "data")
LABEL_KEYS = ("labels", "y", "label", "targets", "target")
CLASS_KEYS = ("classes", "class_names", "label_names")
#: An axis this short is not the height or width of an image.
SHORT = 4
#: From here on 16-bit numbers use the whole of their range; below, their scale is not known.
HALF_RANGE = 2**15


def from_npz(path: str | Path, *, part: str | None = None) -> ImageData:
    """Read one set from an npz file with arrays "inputs" (or "x", "images") and "labels" (or "y").

    Args:
        path: The file. Pickled objects inside are refused.
        part: Which part to read where the file has several ("x_train", "test_images", ...);
            "validation" stands for a missing "test".

    Returns:
        The data, named after the file. Inputs keep their shape, (n, channels, height, width) for a
        convolutional net; channels in the last axis are moved, and maps without a channel axis get
        one, both with a warning. Bytes (uint8) are divided by 255, unless all are 0 or 1, and
        16-bit numbers by 65535; other numbers must be in [0, 1] already. An array "classes" gives
        names; labels may then be names, too.

    Raises:
        FileNotFoundError: When there is no such file.
        TypeError: For arrays that are no numbers.
        ValueError: For other files, missing arrays, parts when none is asked for, and inputs whose
            scale or axes are not certain.
    """
    with _npz(path) as file:
        roles = _roles(file.files)
        whole = roles.get("", {})
        if len(whole) == 2:
            return _read(file, whole, path)
        parts = {name: keys for name, keys in roles.items() if name and len(keys) == 2}
        if not parts:
            missing = LABEL_KEYS if "x" in whole else INPUT_KEYS
            raise ValueError(
                f"{path} has no array named {' or '.join(map(repr, missing))}; it holds "
                f"{', '.join(file.files) or 'nothing'}."
            )
        if part is None:
            raise ValueError(
                f"{path} holds the parts {', '.join(parts)}. Use splits_from_npz, or say which: "
                "part='test'."
            )
        found = as_published(parts) if part == "test" else parts
        if part not in found:
            raise ValueError(f"{path}: {unknown('part', part, found)}")
        return _read(file, found[part], path)


def splits_from_npz(path: str | Path, *, seed: int = 0) -> DataSplits:
    """Read three sets from an npz file: "x_train", "y_train", "x_test", ..., "y_val".

    Args:
        path: The file. Of "train" and "val" alone, "val" is the test part.
        seed: Which images of the training set become the validation set when the file has none; a
            file with plain "x" and "y" is split three ways.

    Returns:
        The three parts.

    Raises:
        FileNotFoundError: When there is no such file.
        TypeError: For arrays that are no numbers.
        ValueError: When the training or the test part is missing; as for `from_npz`, `split` and
            `DataSplits`.
    """
    with _npz(path) as file:
        roles = _roles(file.files)
        found = as_published({n: keys for n, keys in roles.items() if n and len(keys) == 2})
        parts = {name: _read(file, keys, path) for name, keys in found.items()}
    if not parts:
        return split(from_npz(path), seed=seed)
    classes = max((data.classes for data in parts.values()), key=len)
    parts = {
        name: ImageData(data.inputs, data.labels, classes, data.name)
        for name, data in parts.items()
    }
    return with_validation(parts, seed, where=str(path))


def _npz(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f"No file {path}. Pass an npz file with the arrays x and y.")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no npz file, or a damaged one. Write it with numpy.savez.")
    return np.load(path, allow_pickle=False)


def _roles(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the arrays "x" and "y" of each part by their names in the file; "" is the whole."""
    best: dict[str, dict[str, tuple[int, str]]] = {}
    for name in names:
        words = re.split(r"[_\-. ]", name.lower())
        for role, known in (("x", INPUT_KEYS), ("y", LABEL_KEYS)):
            for key in (word for word in words if word in known):
                rest = "_".join(word for word in words if word != key)
                part = part_of(rest) if rest else ""
                if part is not None:
                    rank = known.index(key)
                    there = best.setdefault(part, {}).get(role)
                    if there is None or rank < there[0]:
                        best[part][role] = (rank, name)
    return {
        part: {role: name for role, (_, name) in found.items()} for part, found in best.items()
    }


def _read(file: Any, keys: Mapping[str, str], path: str | Path) -> ImageData:
    try:
        classes = _classes(file)
        inputs = _pixels(np.asarray(file[keys["x"]]), keys["x"], path)
        labels = _labels(np.asarray(file[keys["y"]]), classes)
        return ImageData(as_tensor(inputs), as_tensor(labels), classes, Path(path).stem)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{path}: {error}") from error
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{path} is damaged: {error}. Write it again.") from error


def _classes(file: Any) -> tuple[str, ...]:
    key = next((key for key in CLASS_KEYS if key in file.files), None)
    return tuple(map(_word, np.asarray(file[key]).reshape(-1).tolist())) if key else ()


def _word(value: Any) -> str:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else str(value)


def _labels(labels: np.ndarray, classes: tuple[str, ...]) -> np.ndarray:
    """Return labels as numbers; names are looked up among the class names, if there are any."""
    if labels.dtype.kind not in "SU" or not classes:
        return labels
    words = [_word(value) for value in labels.reshape(-1).tolist()]
    if strange := sorted(set(words) - set(classes)):
        raise ValueError(unknown("class", strange[0], classes))
    return np.array([classes.index(word) for word in words])


def _pixels(array: np.ndarray, name: str, path: str | Path) -> np.ndarray:
    """Return inputs with channels in the second axis, integers scaled to [0, 1]."""
    kind = array.dtype.newbyteorder("=")
    array = _channels_second(array, name, path)
    if kind == np.uint8 and array.size and array.max() > 1:  # else it is black and white
        return array.astype(np.float32) / np.float32(255.0)
    if kind == np.uint16 and array.size and array.max() > 1:
        if array.max() < HALF_RANGE:
            raise ValueError(
                f"{name!r} has 16-bit numbers up to {array.max()}: is that 1, or 65535, or "
                "another number of bits? Save them divided by the number that is full white."
            )
        return array.astype(np.float32) / np.float32(65535.0)
    return array


def _channels_second(array: np.ndarray, name: str, path: str | Path) -> np.ndarray:
    shape = " x ".join(map(str, array.shape))
    if array.ndim == 3 and array.dtype.kind == "u" and min(array.shape[1:]) > SHORT:
        warnings.warn(
            f"{path}: {name!r} ({shape}) is read as images without a channel axis, (n, height, "
            "width), and gets one.",
            stacklevel=5,
        )
        return array[:, None]
    if array.ndim != 4 or min(array.shape[1:3]) <= SHORT or array.shape[3] not in (1, 3, 4):
        return array
    square = array.shape[1] == array.shape[2]
    if array.shape[3] != 3 and not square:
        raise ValueError(
            f"{name!r} has shape {shape}: is the last axis the channels? Then save it as (n, "
            "channels, height, width), x.transpose(0, 3, 1, 2). If not, pass the arrays from "
            "Python: as_image_data(x, y)."
        )
    warnings.warn(
        f"{path}: {name!r} ({shape}) is read as (n, height, width, channels) and becomes "
        "(n, channels, height, width).",
        stacklevel=5,
    )
    return array.transpose(0, 3, 1, 2)
