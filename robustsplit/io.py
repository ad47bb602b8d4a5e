"""Files that survive a kill: atomic writes, checkpoints with checksums, a journal, a folder lock.

Everything is written under a temporary name, flushed to the disk, and renamed. A reader therefore
sees the old file or the new one, never half of one, whatever moment the process died at. Nothing
is pickled.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Journal",
    "Store",
    "exclusive",
    "strict_json",
    "sweep",
    "write_bytes",
    "write_json",
    "write_text",
]

#: Temporary files are named .NAME.RANDOM.tmp, so that a resumed run can recognise and remove them.
TEMPORARY = ".tmp"
SUFFIX = ".safetensors"
KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path` in full or not at all, making the folders it needs.

    Args:
        path: The file; an existing one is replaced.
        content: What it shall hold.

    Raises:
        OSError: When the disk is full or the folder cannot be written; an older file is then left
            as it was.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())  # mkstemp makes private files; results are for sharing
        os.replace(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8 with Unix line ends, in full or not at all.

    Args:
        path: The file; an existing one is replaced.
        content: The text.
    """
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, in full or not at all.

    Args:
        path: The file; an existing one is replaced.
        content: As for `strict_json`.
    """
    write_text(path, strict_json(content) + "\n")


def strict_json(content: Any) -> str:
    """Return indented JSON.

    Args:
        content: Plain values, mappings, sequences and NumPy arrays, nested; other objects become
            their text.

    Returns:
        The text. NaN and infinities become null, which JSON has no other word for.
    """
    return json.dumps(_strict(content), indent=2, ensure_ascii=False)


class Store:
    """Checkpoints in a folder: a safetensors file under each key, a JSON record in its header.

    One file, so that a key is replaced as a whole or not at all. Its checksum covers tensors and
    record. What cannot be read back (cut off, altered) is reported by a warning and counts as
    missing: the step that made it is done again.

    Args:
        root: The folder.
        on_save: Called with the key and the record just before each save.
    """

    def __init__(
        self, root: Path, on_save: Callable[[str, Mapping[str, Any]], None] | None = None
    ) -> None:
        self.root = Path(root)
        self.on_save = on_save

    def load(self, key: str) -> dict[str, Any] | None:
        """Return what was saved under a key.

        Args:
            key: Such as "cut1/trial2/epoch3".

        Returns:
            ``{"tensors": ..., "record": ...}``; None when the key is missing, or damaged (with a
            warning).

        Raises:
            ValueError: For a key that cannot be a file's name.
        """
        path = self._path(key)
        if not path.exists():
            return None
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            content = path.read_bytes()
            header = _header(content)
            tensors = load(content)
            if _checksum(tensors, header["record"]) != header["sha256"]:
                raise ValueError("its checksum is wrong")
            return {"tensors": tensors, "record": json.loads(header["record"])}
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            warnings.warn(
                f"The checkpoint {path} cannot be used ({error}). This step is done again.",
                RuntimeWarning,
                stacklevel=2,
            )
            return None

    def save(self, key: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Keep `tensors` and `record` under `key`; they replace what was there.

        Args:
            key: Such as "cut1/trial2/epoch3".
            tensors: On any device; copies are stored, so tied weights are written twice.
            record: Plain numbers, text, lists and dicts.

        Raises:
            ValueError: For a key that cannot be a file's name.
            OSError: When the disk is full or the folder cannot be written.
        """
        from safetensors.torch import save

        path = self._path(key)
        if self.on_save is not None:
            self.on_save(key, record)
        copies = {
            name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()
        }
        text = json.dumps(record)
        write_bytes(path, save(copies, {"record": text, "sha256": _checksum(copies, text)}))

    def keys(self) -> set[str]:
        """Return the keys that were saved."""
        paths = self.root.rglob("*.safetensors") if self.root.exists() else iter(())
        return {path.relative_to(self.root).as_posix().removesuffix(SUFFIX) for path in paths}

    def _path(self, key: str) -> Path:
        if not KEY.fullmatch(key) or ".." in key:
            raise ValueError(
                "A checkpoint key is made of letters, digits and _ . + - between slashes, got "
                f"{key!r}."
            )
        return self.root / f"{key}{SUFFIX}"


class Journal:
    """A JSON-lines file that only grows; a line cut off by a kill is dropped at the next start.

    Args:
        path: The file.
        identity: Keys that together identify a line. A line that is there already is not written
            again: a step redone after a kill gives the same line.
    """

    def __init__(self, path: Path, identity: tuple[str, ...] = ()) -> None:
        self.path = Path(path)
        self.identity = identity
        lines = []
        if self.path.exists():
            for text in self.path.read_bytes().splitlines():
                with suppress(ValueError):
                    line = json.loads(text)
                    if isinstance(line, dict):
                        lines.append(line)
        self.seen = {self._name(line) for line in lines}
        write_text(self.path, "".join(json.dumps(line) + "\n" for line in lines))

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line, with the time, and force it to the disk."""
        name = self._name(line)
        if self.identity and name in self.seen:
            return
        self.seen.add(name)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"time": time.time(), **_strict(line)}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _name(self, line: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(line.get(key) for key in self.identity)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process, so that two runs never write into each other.

    The lock belongs to the process and ends with it, even when the process is killed.

    Args:
        folder: The folder; the lock is a file in it.

    Yields:
        Nothing; the lock is held inside the block.

    Raises:
        BlockingIOError: When another process holds it.
    """
    lock = FileLock(str(Path(folder) / ".lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BlockingIOError(
            f"Another process is using {folder}. Wait until it has finished, or choose another "
            "folder."
        ) from None
    try:
        yield
    finally:
        lock.release()


def sweep(folder: Path) -> None:
    """Remove temporary files that a killed process left in `folder` and below it."""
    for path in Path(folder).rglob(f".*{TEMPORARY}"):
        path.unlink(missing_ok=True)


def _header(content: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file: eight bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]


def _checksum(tensors: Mapping[str, Tensor], record: str) -> str:
    """Return the SHA-256 of names, types, shapes and bytes of the tensors, and of the record."""
    from robustsplit.network.hashing import hash_tensors, kind_of

    named = ((f"{name} {kind_of(tensors[name])}", tensors[name]) for name in sorted(tensors))
    return hash_tensors(named, record.encode()).hexdigest()


def _strict(content: Any) -> Any:
    """Replace what JSON cannot say: NaN and infinities by None, tuples by lists, keys by text."""
    if isinstance(content, Mapping):
        return {str(key): _strict(value) for key, value in content.items()}
    if isinstance(content, list | tuple | set | frozenset):
        return [_strict(value) for value in content]
    if hasattr(content, "tolist"):  # NumPy scalars and arrays
        return _strict(content.tolist())
    if isinstance(content, float):
        return content if abs(content) < float("inf") else None
    if content is None or isinstance(content, bool | int | str):
        return content
    return str(content)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    """Force a rename to the disk, where folders can be opened (not on Windows)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
