"""What surrounds a forward pass of ours, so that the model is afterwards as it was found.

A pass can change more than buffers: old spectral normalisation sets a weight with a graph on its
module, some attention layers fill a cache, some models count their passes. Whatever a module holds
by name is put back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import continuous, eager, eval_mode

__all__ = ["TRACING", "restored", "trial"]

#: Whether a trial pass is under way: a capture around it must not take its rows for the user's.
TRACING: ContextVar[bool] = ContextVar("tracing", default=False)

#: What torch itself keeps on a module: flags, hooks, and the three tables restored apart.
TORCHS = frozenset(nn.Module().__dict__)
TABLES = ("_parameters", "_buffers", "_modules")


class BackwardInside(Exception):
    """The forward pass runs a backward pass, which needs what the trial pass does not keep."""


@contextmanager
def trial(root: nn.Module, device: torch.device, *, keep: bool = False) -> Iterator[ExitStack]:
    """Prepare a pass in eval mode with gradients on, and leave the model as it was found.

    Args:
        root: The unwrapped model.
        device: Where its inputs are.
        keep: Whether autograd keeps what a backward pass would need. The graph alone is usually
            enough, and its tensors are not small.

    Yields:
        A stack for hooks, unwound before the model is given back.

    Raises:
        BackwardInside: When `keep` is False and the forward pass differentiates something.
    """
    with ExitStack() as around:
        token = TRACING.set(True)
        around.callback(TRACING.reset, token)
        around.enter_context(torch.inference_mode(False))
        around.enter_context(eager())
        around.enter_context(eval_mode(root))
        around.enter_context(restored(root, device))
        around.enter_context(torch.enable_grad())
        if not keep:
            around.enter_context(torch.autograd.graph.saved_tensors_hooks(_drop, _missing))
        with ExitStack() as stack:
            yield stack


def _drop(tensor: Tensor) -> None:
    return None


def _missing(nothing: None) -> Tensor:
    raise BackwardInside


@contextmanager
def restored(root: nn.Module, device: torch.device) -> Iterator[None]:
    """Make every parameter need a gradient, and put the model and random state back on exit.

    Put back are the values of buffers, gradients and whether they are needed, and by name all
    parameters, buffers, submodules and other attributes of each module.

    Args:
        root: The model.
        device: Its random generator is put back too if it is a CUDA device; the CPU's always is.
    """
    buffers = [(buffer, buffer.detach().clone()) for buffer in root.buffers()]
    needed = [(p, p.requires_grad, p.grad) for p in root.parameters()]
    held = [(m.__dict__, dict(m.__dict__), _contents(m.__dict__)) for m in root.modules()]
    held += [(table, dict(table), {}) for table in _tables(root)]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            for parameter, _, _ in needed:
                if continuous(parameter):
                    parameter.requires_grad_(True)
                parameter.grad = None
            yield
        finally:
            for table, entries, contents in held:
                _put_back(table, entries, contents)
            for parameter, flag, gradient in needed:
                parameter.requires_grad_(flag)
                parameter.grad = gradient
            with torch.no_grad():
                for buffer, value in buffers:
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)


def _tables(root: nn.Module) -> Iterator[dict[str, Any]]:
    """Yield the tables of each module: parameters, buffers, submodules."""
    for module in root.modules():
        yield from (module.__dict__[name] for name in TABLES)


def _contents(table: dict[str, Any]) -> dict[str, Any]:
    """Return shallow copies of the containers among a table's entries, such as caches."""
    containers = (dict, list, set, deque)
    return {k: v.copy() for k, v in table.items() if k not in TORCHS and type(v) in containers}


def _put_back(table: dict[str, Any], entries: dict[str, Any], contents: dict[str, Any]) -> None:
    for key in [key for key in table if key not in entries]:
        del table[key]
    for key, value in entries.items():
        if key not in TORCHS and table.get(key, table) is not value:
            table[key] = value
    for key, copy in contents.items():
        value = entries[key]
        value.clear()
        (value.update if isinstance(value, dict | set) else value.extend)(copy)
