"""Where finished work is kept: what a store must offer, and one in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

__all__ = ["MemoryStore", "StoreLike", "pack_optimizer", "unpack_optimizer"]


class StoreLike(Protocol):
    """What training and Algorithm 1 ask of a store; `robustsplit.io.Store` keeps files."""

    def load(self, key: str) -> dict[str, Any] | None:
        """Return ``{"tensors": ..., "record": ...}`` of `key`, or None when it was never saved."""

    def save(self, key: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Keep what was computed, all or nothing; replaces what was there.

        Args:
            key: The name to find it under.
            tensors: Tensors by name.
            record: Plain values, ready for JSON.
        """


class MemoryStore:
    """A store in memory, for tests and for short studies that need no files.

    Attributes:
        kept: What was saved, by key.
    """

    def __init__(self) -> None:
        self.kept: dict[str, tuple[dict[str, Tensor], str]] = {}

    def load(self, key: str) -> dict[str, Any] | None:
        """Return copies of what was saved under `key`, or None."""
        if key not in self.kept:
            return None
        tensors, record = self.kept[key]
        copies = {name: tensor.clone() for name, tensor in tensors.items()}
        return {"tensors": copies, "record": json.loads(record)}

    def save(self, key: str, tensors: Mapping[str, Tensor], record: Mapping[str, Any]) -> None:
        """Keep copies; the record goes through JSON, as it would on disk.

        Args:
            key: The name to find them under.
            tensors: Tensors by name.
            record: Plain values, ready for JSON.
        """
        copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        self.kept[key] = (copies, json.dumps(record))


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state (momenta, step counts) as named tensors."""
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value)
        for index, entries in optimizer.state_dict()["state"].items()
        for name, value in entries.items()
        if value is not None
    }


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Set the optimizer's state from the tensors that `pack_optimizer` made.

    Args:
        optimizer: Over the same parameters as the one that was packed.
        tensors: Tensors by name; names without the prefix "optimizer." are left alone.
    """
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in _named(tensors, "optimizer."):
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _named(tensors: Mapping[str, Tensor], prefix: str) -> Iterable[tuple[str, Tensor]]:
    for key, value in tensors.items():
        if key.startswith(prefix):
            yield key.removeprefix(prefix), value
