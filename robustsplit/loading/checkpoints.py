"""What a checkpoint holds: every set of named tensors in it, wherever a tool has put it.

Files are read without running code that they bring: safetensors, or `torch.load` with
``weights_only=True``.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

__all__ = ["TensorSet", "read_checkpoint"]

#: So deep are the dictionaries of a checkpoint searched.
MAX_DEPTH = 6
#: What torch says of the first opcode of pickle protocols 4 and 5.
FRAMED = f"Unsupported operand {pickle.FRAME[0]}"
#: How many entries of a file an error lists.
MAX_LISTED = 6


@dataclass(frozen=True)
class TensorSet:
    """Named tensors that stand together in a file: a state dict, or something like it.

    Attributes:
        key: Where in the file, such as "state_dict" or "model.ema"; "" for the file itself.
        tensors: By name; entries of modules' extra state may be anything.
        metadata: Versions that torch keeps with a state dict, by module name.
        aliases: Names that were left out, with the name of the equal tensor that was kept.
    """

    key: str
    tensors: Mapping[str, Any]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        names = list(self.tensors)
        where = f"{self.key!r}" if self.key else "the file itself"
        plural = "s" * (len(names) != 1)
        return f"{where} ({len(names)} tensor{plural}, such as {names[len(names) // 2]!r})"


def read_checkpoint(path: Path) -> list[TensorSet]:
    """Return every set of named tensors in a file, the largest first.

    Args:
        path: A safetensors file, a ``.pt``, ``.pth``, ``.ckpt``, ``.bin``, ... that `torch.load`
            reads, or the index of a checkpoint in several files (``*.index.json``).

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: For a file that would run code on loading, a damaged one, and one without
            named tensors.
    """
    if path.is_dir():
        files = sorted(p.name for p in path.iterdir() if p.is_file())[:MAX_LISTED]
        raise ValueError(
            f"{path} is a folder. Name the file with the weights; it holds "
            f"{', '.join(files) or 'no files'}."
        )
    if not path.is_file():
        raise FileNotFoundError(f"No weights file {path}.")
    if path.name.lower().endswith(".index.json"):
        return [_sharded(path)]
    if path.suffix.lower() == ".safetensors" or _looks_like_safetensors(path):
        return [_safetensors(path)]
    content = _torch(path)
    found = sorted(_sets_in(content, "", 0), key=lambda one: -len(one.tensors))
    if not found:
        raise ValueError(
            f"{path} holds no state dict (names and tensors); it holds {_outline(content)}. Save "
            "model.state_dict()."
        )
    return found


def _looks_like_safetensors(path: Path) -> bool:
    """Whether the file begins with the length of a JSON header that it has room for."""
    with path.open("rb") as file:
        start = file.read(9)
    length = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and 8 + length <= path.stat().st_size


def _safetensors(path: Path) -> TensorSet:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is damaged or no safetensors file: {error}.") from error
    if not tensors:
        raise ValueError(f"{path} holds no tensors.")
    # `safetensors.torch.save_model` drops tensors that share memory, and notes which it kept.
    aliases = {name: kept for name, kept in metadata.items() if kept in tensors}
    return TensorSet("", tensors, aliases=aliases)


def _sharded(path: Path) -> TensorSet:
    """Read all files that the index of a checkpoint in several files names."""
    try:
        places = json.loads(path.read_text(encoding="utf-8"))["weight_map"]
        names = sorted(set(places.values()))
        if any(Path(name).name != name for name in names):
            raise ValueError("it names files in other folders")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no index of a checkpoint: {error}.") from error
    tensors: dict[str, Any] = {}
    aliases: dict[str, str] = {}
    for name in names:
        part = read_checkpoint(path.with_name(name))[0]
        tensors |= part.tensors
        aliases |= part.aliases
    if missing := set(places) - set(tensors):
        raise ValueError(
            f"{path} promises {min(missing)!r}, which is not in {places[min(missing)]}. Is one of "
            "the files from another checkpoint?"
        )
    return TensorSet("", tensors, aliases=aliases)


def _torch(path: Path) -> Any:
    try:
        with _harmless_types(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what matters of them is an error here
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        kind = re.search(r"GLOBAL\s+([\w.]+)", str(error))
        if FRAMED in str(error) and zipfile.is_zipfile(path):
            raise ValueError(
                f"{path} is refused: its pickle protocol is newer than what torch reads without "
                "running code. Where you trust the file, save the weights again, with "
                "safetensors.torch.save_file or the default of torch.save."
            ) from error
        if kind is None and "global" not in str(error).lower():
            # no object was asked for: it is no pickle at all
            raise ValueError(f"{path} is damaged or no file of weights.") from error
        of = f", an object of {kind.group(1)}" if kind else ""
        raise ValueError(
            f"{path} is refused: it holds more than tensors{of}, and loading it would run "
            "whatever code is inside. Save the weights alone, where you trust the file: "
            "safetensors.torch.save_file(model.state_dict(), 'weights.safetensors')."
        ) from error
    except MemoryError:
        raise
    except Exception as error:  # readers of a damaged pickle raise whatever they trip over
        if "TorchScript" in str(error):
            raise ValueError(
                f"{path} holds a TorchScript program, not weights alone. Where you trust it, save "
                "them: torch.save(torch.jit.load(path).state_dict(), 'weights.pt')."
            ) from error
        reason = f": {error}" if isinstance(error, RuntimeError | OSError) and str(error) else ""
        raise ValueError(f"{path} is damaged or no file of weights{reason}.") from error


def _harmless_types() -> AbstractContextManager[Any]:
    """Let pass what training scripts keep beside the weights and what runs no code of a file."""
    if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):  # torch < 2.6
        return nullcontext()
    scalar: Any = np.float64(0).__reduce__()[0]
    rebuild: Any = np.zeros(1).__reduce__()[0]
    numbers = (np.float64, np.float32, np.int64, np.int32, np.uint32, np.uint8, np.bool_)
    return torch.serialization.safe_globals(
        [
            argparse.Namespace,  # the settings of timm and of many scripts
            pathlib.PosixPath,
            pathlib.PurePosixPath,
            np.ndarray,
            np.dtype,
            *(type(np.dtype(number)) for number in numbers),
            *((scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
            *((rebuild, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
        ]
    )


def _sets_in(content: Any, key: str, depth: int) -> Iterator[TensorSet]:
    if depth > MAX_DEPTH:
        return
    if isinstance(content, Mapping):
        tensors = {
            str(name): value
            for name, value in content.items()
            if isinstance(value, Tensor) or str(name).endswith("_extra_state")
        }
        if any(isinstance(value, Tensor) for value in tensors.values()):
            yield TensorSet(key, tensors, getattr(content, "_metadata", None) or {})
        parts: Iterable[tuple[Any, Any]] = content.items()
    elif isinstance(content, list | tuple):
        parts = enumerate(content)
    else:
        return
    for name, value in parts:
        yield from _sets_in(value, f"{key}.{name}" if key else str(name), depth + 1)


def _outline(content: Any) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    names = [f"{name!r} ({type(value).__name__})" for name, value in content.items()]
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more if names else "nothing"
