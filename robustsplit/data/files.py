"""Images from a user's files: trees with a folder per class; npz archives are read in `npz`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from mitools.samples.messages import unknown
from robustsplit.data.folders import (
    Layout,
    class_folders,
    direct_images,
    find_layout,
    foreign_files,
    image_files,
)
from robustsplit.data.images import DataSplits, ImageData
from robustsplit.data.npz import from_npz, splits_from_npz
from robustsplit.data.parts import as_published
from robustsplit.data.pictures import read_pictures
from robustsplit.data.splits import split, with_validation

__all__ = ["from_folder", "from_npz", "splits_from_folder", "splits_from_npz"]


def from_folder(
    root: str | Path,
    *,
    size: int | None = None,
    grayscale: bool = False,
    part: str | None = None,
) -> ImageData:
    """Read a folder that has one folder of image files per class.

    Hidden files and folders are passed over, links are followed. A folder around the class folders
    is looked through.

    Args:
        root: The folder; its sub-folders, sorted by name, are the classes 0, 1, ...
        size: Resize the shorter side to this many pixels and crop the centre square; None keeps
            the images as they are, and they must have one size.
        grayscale: One channel instead of red, green and blue.
        part: Which part to read where `root` has several, "train", "validation" or "test"; val/
            stands for a missing test/. Its labels are those of the training part. A folder of
            class folders alone is read as it is.

    Returns:
        Inputs with shape (n, channels, height, width) in [0, 1].

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When it holds parts and `part` is not given; when it is not certain what its
            folders are; for classes without images; for files that cannot be read.
    """
    layout = find_layout(root)
    if not layout.parts:
        return _read(layout.root, class_folders(layout.root), layout.root, size, grayscale)
    found = as_published(layout.parts) if part == "test" else layout.parts
    if part is None:
        raise ValueError(
            f"{layout.root} has {_shown(layout)}, so it holds parts of a data set. Use "
            f"splits_from_folder({str(root)!r}), or pass one of these folders, or part='test'."
        )
    _say(layout)
    if part not in found:
        raise ValueError(
            f"{layout.root}: {unknown('part', part, found)} To measure on another part, pass its "
            "folder itself."
        )
    return _parts(layout, {part: found[part]}, size, grayscale)[part]


def splits_from_folder(
    root: str | Path, *, size: int | None = None, grayscale: bool = False, seed: int = 0
) -> DataSplits:
    """Read a folder with train/ and test/, and val/ if there is one, each with a folder per class.

    Args:
        root: The folder. Of train/ and val/ alone, val/ is the test part, as ImageNet is used.
            Without a validation part 15 % of the training images, stratified, become it. A folder
            of class folders alone is split three ways.
        size: As in `from_folder`.
        grayscale: As in `from_folder`.
        seed: Which split is drawn where one is needed.

    Returns:
        The three parts.

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When the training or the test part is missing; for parts with different
            classes; as for `from_folder`, `split` and `DataSplits`.
    """
    layout = find_layout(root)
    if not layout.parts:
        return split(from_folder(root, size=size, grayscale=grayscale), seed=seed)
    _say(layout)
    found = as_published(layout.parts)
    if missing := {"train", "test"} - set(found):
        raise ValueError(
            f"{layout.root} has {_shown(layout)} and no {missing.pop()} part. Expected train/ "
            "and test/ or val/, each with class folders. To split one part three ways, pass its "
            "folder."
        )
    return with_validation(_parts(layout, found, size, grayscale), seed, where=str(root))


def _parts(
    layout: Layout, wanted: dict[str, Path], size: int | None, grayscale: bool
) -> dict[str, ImageData]:
    """Read parts, all with the labels of the training part."""
    train = layout.parts.get("train")
    names = [folder.name for folder in class_folders(train)] if train is not None else None
    parts = {}
    for part, folder in wanted.items():
        folders = class_folders(folder)
        if names is not None and (strange := [f.name for f in folders if f.name not in names]):
            raise ValueError(
                f"{folder} has class folders that {train} has not: {', '.join(strange[:5])} "
                f"({len(strange)} of {len(folders)}). All parts must have the same classes; are "
                "its images sorted into class folders?"
            )
        parts[part] = _read(layout.root, folders, folder, size, grayscale, names)
    return parts


def _read(
    root: Path,
    folders: Sequence[Path],
    where: Path,
    size: int | None,
    grayscale: bool,
    names: Sequence[str] | None = None,
) -> ImageData:
    """Read the images of class folders; `names` are all classes in the order of their labels."""
    names = names or [folder.name for folder in folders]
    numbers = {name: number for number, name in enumerate(names)}
    files = [(path, numbers[f.name]) for f in folders for path in image_files(f)]
    foreign = [path for folder in folders for path in foreign_files(folder)]
    if foreign:
        kinds = sorted({path.suffix or path.name for path in foreign})
        warnings.warn(
            f"{len(foreign)} files below {where} are no images that can be read and were passed "
            f"over, such as {foreign[0]} ({', '.join(kinds[:5])}).",
            stacklevel=4,
        )
    if stray := sum(1 for _ in direct_images(where)):
        warnings.warn(
            f"{stray} images lie in {where} itself, in no class folder, and were passed over.",
            stacklevel=4,
        )
    images = read_pictures([path for path, _ in files], size=size, grayscale=grayscale)
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        raise ValueError(
            f"The images below {where} have {len(shapes)} different sizes, such as "
            f"{sorted(shapes)[0][1:]} and {sorted(shapes)[-1][1:]}. Pass size=224, or another "
            "(--size 224)."
        )
    labels = torch.tensor([label for _, label in files])
    return ImageData(torch.stack(images), labels, tuple(names), root.name)


def _shown(layout: Layout) -> str:
    return " and ".join(
        f"{folder.relative_to(layout.root).parts[0]}/" for folder in layout.parts.values()
    )


def _say(layout: Layout) -> None:
    for note in layout.notes:
        warnings.warn(note, stacklevel=3)
