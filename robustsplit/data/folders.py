"""How a folder of images is laid out: class folders, or parts that hold them, as published.

What cannot be told from names and contents is asked for: a wrong guess gives labels that mean
something else, and every number after them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from robustsplit.data.parts import part_of, parts_of

__all__ = [
    "IMAGE_SUFFIXES",
    "Layout",
    "class_folders",
    "direct_images",
    "find_layout",
    "foreign_files",
    "image_files",
]

IMAGE_SUFFIXES = frozenset(
    ".png .jpg .jpeg .jpe .jfif .bmp .gif .tif .tiff .webp .ppm .pgm .pbm .pnm".split()
)
#: What systems and archives leave behind; names that begin with a dot as well.
RUBBISH = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"})
#: How many folders deep a set may be wrapped.
MAX_WRAPPED = 4
MAX_LISTED = 5


@dataclass(frozen=True)
class Layout:
    """Where the images of a folder are.

    Attributes:
        root: The folder that holds the parts or the classes; below the given one if wrapped.
        parts: Folder of each part ("train", "validation", "test"), each with class folders; empty
            when `root` holds the classes itself.
        notes: What was passed over, in sentences.
    """

    root: Path
    parts: dict[str, Path]
    notes: tuple[str, ...] = ()


def find_layout(root: str | Path) -> Layout:
    """Return how the images below `root` are laid out.

    Raises:
        FileNotFoundError: When there is no such folder.
        ValueError: When it holds no images in folders, and when it is not certain whether its
            folders are classes or parts.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"No folder {root}. Pass a folder with one sub-folder per class.")
    root = _unwrapped(root)
    folders = _with_images(root)
    meant = parts_of(folder.name for folder in folders)
    named = {folder: meant[folder.name] for folder in folders if folder.name in meant}
    parts = [folder for folder in named if _with_images(_unwrapped(folder, inside=True))]
    flat = [folder for folder in named if folder not in parts]
    others = [folder for folder in folders if folder not in named]
    if not parts and len(set(named.values())) < 2 and (others or not named):
        return Layout(root, {})  # a class may be called "train"
    if not parts and not others:
        raise ValueError(
            f"{_list(flat)} in {root} hold images without class folders, so their labels are not "
            "known. Sort the images into one folder per class, such as "
            f"{flat[0] / 'cat' / '0001.png'}."
        )
    if others and len({named[folder] for folder in parts}) < 2:
        raise ValueError(
            f"{root} has {_list(list(named))} beside {_list(others)}: are these parts of a data "
            "set, or classes? Pass the folder of one part, or move the others away."
        )
    by_part: dict[str, Path] = {}
    for folder in parts:
        if (part := named[folder]) in by_part:
            raise ValueError(
                f"{root} has {_list([by_part[part], folder])}, which both name the {part} part. "
                "Move one of them away."
            )
        by_part[part] = _unwrapped(folder, inside=True)
    notes = [
        f"{folder} was passed over: it holds images without class folders." for folder in flat
    ]
    if others:
        notes.append(f"{_list(others)} in {root} were passed over: they are no parts of the set.")
    return Layout(root, by_part, tuple(notes))


def class_folders(root: Path) -> list[Path]:
    """Return the class folders in `root`, sorted by name: the classes 0, 1, ...

    Raises:
        ValueError: When there are none, when one holds no images, and when each is parted again.
    """
    folders = _folders(root)
    filled = _with_images(root)
    if not filled:
        stray = sum(1 for _ in direct_images(root))
        beside = f" {stray} images lie in it directly." if stray else ""
        raise ValueError(
            f"No images found below {root} in class folders.{beside} Expected one folder per "
            f"class, with files such as {root}/cat/0001.png."
        )
    empty = [folder for folder in folders if folder not in filled]
    if empty:
        suffixes = sorted({f.suffix for folder in empty for f in _files(folder) if f.suffix})
        kinds = f" (but {', '.join(suffixes[:MAX_LISTED])} files)" if suffixes else ""
        raise ValueError(
            f"{_list(empty)} in {root} hold no images{kinds}. Are these classes? Each class "
            "folder counts as one label, so remove empty ones, or put images in. Names that begin "
            "with a dot are passed over."
        )
    for folder in filled:
        within = _with_images(folder)
        meant = parts_of(p.name for p in within)
        inside = [p for p in within if p.name in meant]
        if len(set(meant.values())) > 1:
            raise ValueError(
                f"{folder} has {_list(inside)} inside: the parts stand below the classes. Put "
                "them above, such as train/cat and test/cat."
            )
    return filled


def image_files(folder: Path) -> list[Path]:
    """Return the image files below a class folder, sorted; links are followed, each folder once.

    Raises:
        ValueError: For a link to a file that is not there.
    """
    found = []
    for path in _files(folder):
        if path.suffix.lower() in IMAGE_SUFFIXES:
            if not path.is_file():
                raise ValueError(f"{path} is a link to a file that is not there. Remove it.")
            found.append(path)
    return sorted(found)


def foreign_files(folder: Path) -> list[Path]:
    """Return the files below a class folder that are no images, without notes and tables."""
    text = {".txt", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".md", ".html", ".log"}
    known = IMAGE_SUFFIXES | text | {".db", ".ini", ".mat"}
    return [path for path in _files(folder) if path.suffix.lower() not in known]


def direct_images(root: Path) -> Iterator[Path]:
    """Yield the image files that lie in a folder itself, in no class folder."""
    return (
        path
        for path in root.iterdir()
        if _visible(path.name) and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield every visible file below a folder, following links without going in circles."""
    seen = set()
    for place, inside, names in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            inside.clear()
            continue
        seen.add(real)
        inside[:] = sorted(name for name in inside if _visible(name))
        yield from (Path(place, name) for name in names if _visible(name))


def _raise(error: OSError) -> None:
    raise error  # a folder that may not be read is not an empty one


def _visible(name: str) -> bool:
    return not name.startswith(".") and name not in RUBBISH


def _folders(root: Path) -> list[Path]:
    with os.scandir(root) as entries:  # which of thousands are folders, without asking each
        names = [entry.name for entry in entries if _visible(entry.name) and entry.is_dir()]
    return sorted(root / name for name in names)


def _with_images(root: Path) -> list[Path]:
    """Return the folders in `root` that hold an image at any depth."""
    return [
        folder
        for folder in _folders(root)
        if any(path.suffix.lower() in IMAGE_SUFFIXES for path in _files(folder))
    ]


def _unwrapped(root: Path, *, inside: bool = False) -> Path:
    """Return `root`, or the folder of class folders or parts that it wraps.

    Args:
        root: A folder.
        inside: Whether it is a part, in which a folder of its own name may stand once more.
    """
    folder = root
    for _ in range(MAX_WRAPPED):
        within = _with_images(folder)
        if len(within) != 1 or any(direct_images(folder)):
            break
        (folder,) = within
        if part_of(folder.name) and not inside:
            return folder.parent  # a lone part
        if any(direct_images(folder)):
            break  # a class
        if len(_with_images(folder)) > 1:
            return folder
    return root


def _list(folders: Sequence[Path]) -> str:
    names = [f"{folder.name}/" for folder in folders[:MAX_LISTED]]
    if len(folders) > MAX_LISTED:
        return f"{', '.join(names)} and {len(folders) - MAX_LISTED} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
