"""Questions that the graph of one pass cannot settle, asked of a few more passes.

A graph tells which tensor was computed from which. It does not tell whether the values that were
cut out of a tensor are those that depend on an earlier layer, nor whether a layer without a graph
(behind a `detach`) sees the data. So values are changed, and it is looked at what moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import continuous, mapped, tensors_in
from robustsplit.network.trace import Call, Trace, replay

__all__ = ["batch_statistics", "constant", "moves", "sample", "sloped", "varied"]

#: Values of a tensor's row that are compared: enough to meet every channel of most layers.
SAMPLE = 4096


class Reached(Exception):
    """Ends a pass where nothing after it is of interest."""


def varied(example: Any, seed: int = 0) -> Any:
    """Return an example of the same shapes and range with other values.

    Real and complex tensors get uniform noise between their least and largest value, integers are
    permuted (a model may not know others), and truth values stay.
    """
    generator = torch.Generator().manual_seed(seed)

    def change(tensor: Tensor) -> Tensor:
        if tensor.is_complex():
            return torch.view_as_complex(change(torch.view_as_real(tensor)).contiguous())
        if tensor.dtype == torch.bool or not tensor.numel():
            return tensor
        if not continuous(tensor):
            order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
            return tensor.reshape(-1)[order].reshape(tensor.shape)
        low, high = (float(value) for value in torch.aminmax(tensor.float()))
        width = high - low if high > low else 1.0
        noise = torch.rand(tensor.shape, generator=generator)
        return (low + width * noise).to(tensor)

    return mapped(example, change)


def sample(tensor: Tensor) -> Tensor:
    """Return a copy of some thousand values per row, evenly spread, in double precision."""
    flat = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    flat = flat.detach().reshape(len(flat), -1) if flat.ndim else flat.detach().reshape(1, 1)
    stride = flat.shape[1] // SAMPLE + 1
    return flat[:, ::stride].to("cpu", torch.float64, copy=True)


def sloped(
    traced: Trace, questions: Sequence[tuple[Call, Call, int]]
) -> set[tuple[str, str, int]]:
    """Return the questions of `moves` to which a derivative says yes, after one pass for them all.

    A derivative that is not zero is a proof. One that is zero, or that torch does not know, is
    none: a rounding step, a unit that is off.

    Args:
        traced: The trial pass.
        questions: Parent, child, and which of the child's input tensors.

    Returns:
        Keys of parents and children, and positions.
    """
    parents = {parent.key for parent, _, _ in questions}
    outputs: dict[str, list[Tensor]] = {}
    proven: set[tuple[str, str, int]] = set()
    kept: list[list[Tensor]] = []

    def leave(key: str, output: Any) -> None:
        if key in parents:
            outputs[key] = [tensor for tensor in tensors_in(output) if tensor.requires_grad]

    def enter(key: str, given: list[Tensor]) -> None:
        for parent, child, index in questions:
            if child.key == key and _slope(outputs.get(parent.key), given[index : index + 1]):
                proven.add((parent.key, child.key, index))
        ended = {p.key for p, c, _ in questions if c.key == key}
        for parent_key in ended:
            outputs.pop(parent_key, None)
        if not outputs and not traced.keep:
            while kept:
                kept.pop().clear()

    def pack(tensor: Tensor) -> list[Tensor]:
        if not outputs and not traced.keep:
            return []  # only what lies between the two ends is needed
        kept.append([tensor.detach()])
        return kept[-1]

    def unpack(cell: list[Tensor]) -> Tensor:
        if not cell:
            raise RuntimeError("not kept")
        return cell[0]

    names = {entry.name for parent, child, _ in questions for entry in (parent, child)}
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        replay(traced, traced.example, enter=enter, leave=leave, names=names, keep=True)
    return proven


def _slope(sources: list[Tensor] | None, targets: list[Tensor]) -> bool:
    """Whether a target has a derivative with respect to a source that is not zero."""
    if not sources or not targets or not targets[0].requires_grad:
        return False
    target = targets[0]
    with torch.random.fork_rng(devices=[]):
        weights = torch.randn(target.shape).to(target)
    try:
        slopes = torch.autograd.grad(
            target, sources, weights, retain_graph=True, allow_unused=True
        )
    except (RuntimeError, NotImplementedError):
        return False
    return any(slope is not None and bool(slope.any()) for slope in slopes)


def moves(traced: Trace, parent: Call, child: Call, index: int) -> bool:
    """Whether noise added to a call's output reaches a certain input tensor of a later call."""

    def received(noisy: bool) -> Tensor | None:
        found: list[Tensor] = []

        def leave(key: str, output: Any) -> Any:
            return mapped(output, _noisy) if noisy and key == parent.key else None

        def enter(key: str, given: list[Tensor]) -> None:
            if key == child.key:
                found.extend(tensor.detach().clone() for tensor in given[index : index + 1])
                raise Reached

        try:
            replay(
                traced, traced.example, enter=enter, leave=leave, names={parent.name, child.name}
            )
        except Reached:
            pass
        return found[0] if found else None

    still, moved = received(noisy=False), received(noisy=True)
    if still is None or moved is None or still.shape != moved.shape:
        return True
    return not torch.equal(still, moved)


def _noisy(tensor: Tensor) -> Tensor:
    """Return a tensor plus noise of its own size."""
    if not continuous(tensor):
        return tensor
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(tensor.shape, generator=generator).to(tensor)
    size = float(tensor.detach().abs().mean())
    return tensor + noise * (size if size > 0 else 1.0)


def constant(traced: Trace, calls: Iterable[Call]) -> list[Call]:
    """Return those of some calls whose input tensors are the same for any input of the model."""
    wanted = {entry.key: entry for entry in calls}
    other = varied(traced.example)
    pairs = zip(tensors_in(traced.example), tensors_in(other), strict=True)
    if not wanted or all(torch.equal(one, two) for one, two in pairs):
        return []

    def seen(example: Any) -> dict[str, list[Tensor]]:
        found: dict[str, list[Tensor]] = {}

        def enter(key: str, given: list[Tensor]) -> None:
            if key in wanted:
                found[key] = [sample(tensor) for tensor in given]

        replay(traced, example, enter=enter, names={entry.name for entry in wanted.values()})
        return found

    try:
        first, second = seen(traced.example), seen(other)
    except Exception:  # not every value is an input: what cannot be tried is not called constant
        return []
    return [entry for key, entry in wanted.items() if _same(first.get(key), second.get(key))]


def _same(one: list[Tensor] | None, two: list[Tensor] | None) -> bool:
    if one is None or two is None or len(one) != len(two):
        return False
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def batch_statistics(traced: Trace) -> str:
    """Say, if so, that modules normalise by statistics of the batch even in eval mode."""
    names = [
        name
        for name in traced.first_calls
        if isinstance(traced.modules[name], nn.modules.batchnorm._BatchNorm)
        and traced.modules[name].running_mean is None
    ]
    if not names:
        return ""
    return (
        f"The model normalises by the statistics of each batch even in eval mode "
        f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''}): the activations of an "
        "input depend on the other inputs of its batch, hence on the batch size."
    )
