"""A hash of tensors: the same for the same types, shapes and values, on any device."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from hashlib import _Hash

__all__ = ["hash_tensors", "kind_of"]


def kind_of(tensor: Tensor) -> str:
    """Return a tensor's type and shape in words, such as ``torch.float32 (3, 4)``."""
    return f"{tensor.dtype} {tuple(tensor.shape)}"


def hash_tensors(entries: Iterable[tuple[str, Tensor]], start: bytes = b"") -> _Hash:
    """Return the SHA-256 of tensors, each with the words before it.

    Args:
        entries: Pairs of words and a tensor. The words must tell apart what the bytes do not: the
            `kind_of` a tensor, and its name where names count.
        start: What is hashed before them all.

    Returns:
        The hash; `.hexdigest()` and `.digest()` give it as text and as bytes.
    """
    digest = hashlib.sha256(start)
    for words, tensor in entries:
        digest.update(words.encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        if flat.numel():  # an empty tensor cannot be viewed as bytes
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest
