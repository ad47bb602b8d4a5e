"""Read a network's activations: a context manager that copies or reduces them inside the hooks.

A tensor that a hook merely keeps is rewritten by the next in-place operation: every torchvision
AlexNet and VGG16 convolution would be captured after its ReLU on a CPU, and before it where
`.cpu()` copies. So hooks copy at once. Rows count only once the whole forward pass is through, so
a pass that raises leaves no layer longer than another.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from robustsplit.network.activations import Activations, Point
from robustsplit.network.layers import LayerSelection, Network, Shortcuts
from robustsplit.network.models import (
    call,
    continuous,
    eager,
    eval_mode,
    first_index,
    first_tensor,
    tensors_in,
    unwrap,
)
from robustsplit.network.pairs import Edge
from robustsplit.network.passes import TRACING
from robustsplit.network.probes import batch_statistics
from robustsplit.network.reduce import Reduction, bound
from robustsplit.network.trace import Call, trace

__all__ = ["Activations", "Point", "capture", "collect"]

#: By how much of the largest output an input's output may change with the batch it is in.
MIXING = 1e-3


@contextmanager
def capture(
    model: nn.Module,
    example: Any,
    layers: LayerSelection = None,
    *,
    point: Point = "post",
    reduce: Reduction | None = None,
    shortcuts: Shortcuts = "exclude",
    device: torch.device | str | None = "cpu",
) -> Iterator[Activations]:
    """Capture the activations of every forward pass made inside the block.

    Inside, the model is in eval mode and compiled code runs eagerly; on any exit, each module gets
    its mode back and every hook is gone. Adversarial inputs must be made before: an attack's own
    forward passes would be captured too.

    Args:
        model: Any torch model, wrapped or compiled or not.
        example: A batch for one trial pass, which finds the layers and their order.
        layers: As for `weight_layers`: None, names and globs, a position or slice, or a function.
        point: "post" for f^(j) = sigma(W h + b), taken as what the next weight layer receives,
            after activation, pooling and residual addition: the first of its inputs that depends
            on the layer. A layer that the next one does not depend on, the last layer, and blocks
            give their output. "pre" for the module's own output. `sources` says what was read.
        reduce: None (flatten), "gap" (average over positions), a `Sketch`, or a callable
            from (b, ...) to (b, d).
        shortcuts: Whether projections on residual shortcuts are layers.
        device: Where rows are kept; None for where they are made.

    Yields:
        The activations: float32 (float64 for float64 models), shape (n, d) per layer. Complex
        values give two columns each, real and imaginary part.

    Raises:
        ValueError: For unknown or uncalled layers, a first axis that is not the batch, or a
            `reduce` that does not return (b, d).
        RuntimeError: When a pass does not call a layer, or a DataParallel copy runs instead.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> with torch.no_grad(), capture(net, torch.zeros(2, 3)) as activations:
        ...     _ = net(torch.randn(5, 3))
        >>> {name: tuple(rows.shape) for name, rows in activations.items()}
        {'0': (5, 4), '2': (5, 2)}
    """
    if point not in ("post", "pre"):
        raise ValueError(f"`point` must be 'post' or 'pre', got {point!r}.")
    root = unwrap(model)
    activations, taps = _plan(root, example, layers, point, reduce, shortcuts)
    recorder = _RowRecorder(root, activations, None if device is None else torch.device(device))
    with ExitStack() as stack:
        stack.enter_context(eager())
        stack.enter_context(eval_mode(root))
        recorder.attach(taps, stack)
        yield activations


def collect(
    model: nn.Module,
    inputs: Tensor,
    layers: LayerSelection = None,
    *,
    batch_size: int = 256,
    point: Point = "post",
    reduce: Reduction | None = None,
    shortcuts: Shortcuts = "exclude",
    progress: Callable[[int], object] | None = None,
) -> Activations:
    """Capture the activations of `inputs`, batch by batch, without gradients.

    Args:
        model: Any torch model that takes one tensor.
        inputs: Shape (n, ...), on any device.
        layers: As for `capture`, like all that is not listed here.
        batch_size: Rows per forward pass. Kernels depend on it, so values agree across batch sizes
            to rounding, not to the bit. Where they do not (batch normalisation without running
            statistics, random numbers), a warning says so.
        point: See `capture`.
        reduce: See `capture`.
        shortcuts: See `capture`.
        progress: Called with the number of rows done after each batch.

    Returns:
        The activations, rows in the order of `inputs`.

    Raises:
        ValueError: For no inputs at all, and as for `capture`.
        RuntimeError: As for `capture`.
    """
    if len(inputs) == 0:
        raise ValueError("`inputs` is empty; at least one row is needed.")
    root = unwrap(model)
    target = next((p.device for p in root.parameters()), inputs.device)
    context = capture(root, inputs, layers, point=point, reduce=reduce, shortcuts=shortcuts)
    with torch.no_grad(), context as activations:
        for number, batch in enumerate(inputs.split(batch_size)):
            output = call(root, batch.to(target))
            if number == 0:
                _warn_of_mixing(activations, output, len(batch))
            if progress is not None:
                progress(len(batch))
    return activations


def _warn_of_mixing(activations: Activations, output: Any, batch: int) -> None:
    """Warn when an input's output is another one in this batch than in the trial pass."""
    alone, together = activations._answer, first_tensor(output)
    if alone is None or together is None or activations.mixing or batch <= len(alone):
        return
    together = together[: len(alone)].detach()
    if together.shape != alone.shape or not continuous(alone):
        return
    scale = float(alone.abs().max())
    apart = float((together - alone).abs().max())
    if apart > max(MIXING, 20 * torch.finfo(alone.dtype).eps) * scale:
        activations.mixing = (
            f"The model gives its first inputs other outputs in a batch of {batch} than in one of "
            f"{len(alone)}: by up to {100 * apart / scale:.2g} % of the largest. It mixes the "
            "rows of a batch or draws random numbers in eval mode, so activations depend on the "
            "batch size."
        )
        warnings.warn(activations.mixing, stacklevel=3)


class _Tap:
    """Where one layer's values are read: the input or the output of a pass of a module."""

    def __init__(
        self,
        key: str,
        at: Call,
        side: Literal["input", "output"],
        reduce: Reduction | None,
        index: int | None = None,
    ) -> None:
        self.key, self.at, self.side, self.index = key, at, side, index
        weights = [p.ndim for p in at.module.parameters(recurse=False) if p.ndim >= 2]
        # A module that multiplies by a matrix works on the last axis, by a kernel on the second.
        self.channels_last = max(weights) == 2 if weights else None
        self.reduce = bound(reduce, key, self.channels_last)

    def edges(self) -> list[Edge]:
        """Return where what is read comes from; nothing if autograd did not record it."""
        if self.side == "output":
            return self.at.outputs
        found = None if self.index is None else self.at.given[self.index]
        return [] if found is None else [found]


def _plan(
    root: nn.Module,
    example: Any,
    layers: LayerSelection,
    point: Point,
    reduce: Reduction | None,
    shortcuts: Shortcuts,
) -> tuple[Activations, list[_Tap]]:
    """Decide what to read where. The trace is dropped on return, with its autograd graph."""
    network = Network(trace(root, example), shortcuts=shortcuts)
    chosen = network.select(layers)
    if not chosen:
        raise ValueError(
            f"No layer was selected of {type(root).__name__}, which has "
            f"{len(network.main)} weight layers; see robustsplit.network.list_layers."
        )
    taps, sources = [], {}
    for entry in chosen:
        weighted = network.is_layer(entry) or id(entry) in network.parallel
        following = network.after(entry) if point == "post" and weighted else None
        if following is None:
            taps.append(_Tap(entry.key, entry, "output", reduce))
            sources[entry.key] = "output"
        else:
            index = network.received(entry, following)
            assert index is not None
            taps.append(_Tap(entry.key, following, "input", reduce, index))
            which = "input" if index == following.main else f"input {index + 1}"
            sources[entry.key] = f"{which} of {following.key}"
    edges = {tap.key: tap.edges() for tap in taps}
    described = [network.layer(entry) for entry in chosen]
    pairs = network.pairs(chosen)
    mixing = batch_statistics(network.trace)
    if mixing:
        warnings.warn(mixing, stacklevel=5)
    answer = network.trace.answer
    rows = answer is not None and answer.shape[:1] == (network.trace.batch,)
    activations = Activations(
        described,
        pairs,
        sources,
        point,
        functions={
            pair.child: network.is_function(edges[pair.child], edges[pair.parent])
            for pair in pairs
        },
        network_layers=[entry.key for entry in network.main],
        left_out=network.left_out,
        missing=network.warnings,
        mixing=mixing,
        answer=answer if rows else None,
    )
    return activations, taps


class _RowRecorder:
    """The hooks of one capture, and the rows of the forward pass that is under way."""

    def __init__(
        self, root: nn.Module, activations: Activations, device: torch.device | None
    ) -> None:
        self.root, self.activations, self.device = root, activations, device
        self.rows: dict[str, Tensor] | None = None  # None outside a pass of the whole model
        self.passes: dict[int, int] = {}
        self.batch = 0
        self.warned = False

    def attach(self, taps: Sequence[_Tap], stack: ExitStack) -> None:
        """Register the hooks until `stack` closes."""
        stack.enter_context(self.root.register_forward_pre_hook(self.begin, with_kwargs=True))
        by_module: dict[int, list[_Tap]] = {}
        for tap in taps:
            by_module.setdefault(id(tap.at.module), []).append(tap)
        for group in by_module.values():
            self._watch(group, stack)
        stack.enter_context(self.root.register_forward_hook(self.finish))

    def _watch(self, taps: list[_Tap], stack: ExitStack) -> None:
        target = taps[0].at.module

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            if module is not target:
                raise RuntimeError(
                    "A DataParallel copy of the model ran inside `capture`, where rows would come "
                    "out of order. Call `unwrap(model)(x)` inside the block instead."
                )
            self.passes[id(target)] = self.passes.get(id(target), 0) + 1
            self.read(taps, "input", (args, kwargs))

        def after(module: nn.Module, args: Any, output: Any) -> None:
            self.read(taps, "output", output)

        stack.enter_context(target.register_forward_pre_hook(before, with_kwargs=True))
        stack.enter_context(target.register_forward_hook(after))

    def begin(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """Start a pass of the whole model, forgetting one that did not end."""
        self.rows = None
        if TRACING.get():
            return
        probe = first_tensor((args, kwargs))
        self.batch = 0 if probe is None else len(probe)
        self.rows = {}
        self.passes = {}

    def read(self, taps: list[_Tap], side: str, value: Any) -> None:
        """Copy or reduce what the taps on this side of this pass ask for."""
        if self.rows is None:
            return  # a part of the model was called by itself
        for tap in taps:
            if tap.side == side and tap.at.number == self.passes[id(tap.at.module)]:
                self.rows[tap.key] = self.keep(tap, value)

    def keep(self, tap: _Tap, value: Any) -> Tensor:
        """Reduce one activation and copy the result."""
        found = list(tensors_in(value))
        index = first_index(found) if tap.index is None else tap.index
        if index >= len(found):
            raise ValueError(
                f"The {tap.side} of {tap.at.key!r} holds {len(found)} tensors, expected "
                f"{index + 1} or more as in the trial pass (got {type(value).__name__})."
            )
        tensor = found[index].detach()
        if tensor.shape[:1] != (self.batch,):
            raise ValueError(
                f"The {tap.side} of {tap.at.key!r} has shape {tuple(tensor.shape)} for a batch "
                f"of {self.batch}: its first axis is not the batch, so it has no rows to pair "
                "with those of other layers. Leave it out, or name a block around it whose output "
                "has the batch first."
            )
        # Of complex values, real and imaginary parts become units of their own.
        shape = (2 * tensor[0].numel(),) if tensor.is_complex() else tuple(tensor.shape[1:])
        self.activations._shapes[tap.key] = (shape, tap.channels_last)
        reduced = tap.reduce(tensor)
        if reduced.ndim != 2 or len(reduced) != self.batch:
            raise ValueError(
                f"`reduce` must return shape ({self.batch}, d) for layer {tap.key!r}, got "
                f"{tuple(reduced.shape)} from {tuple(tensor.shape)}."
            )
        if tensor.dtype in (torch.float16, torch.bfloat16) and not self.warned:
            self.warned = True
            warnings.warn(
                f"Activations are {str(tensor.dtype).removeprefix('torch.')}, which has few "
                "distinct values: expect ties, which nearest-neighbour estimates cannot resolve.",
                stacklevel=2,
            )
        if reduced.is_complex():
            reduced = torch.view_as_real(reduced.resolve_conj()).flatten(1)
        dtype = torch.float64 if reduced.dtype == torch.float64 else torch.float32
        return reduced.to(self.device or reduced.device, dtype, copy=True)

    def finish(self, module: nn.Module, args: Any, output: Any) -> None:
        """Count the pass, now that it is through."""
        rows, self.rows = self.rows, None
        if rows is None:
            return
        missing = [name for name in self.activations if name not in rows]
        if missing:
            raise RuntimeError(
                f"This forward pass did not call {', '.join(map(repr, missing))}, which the trial "
                "pass did call. A network whose path depends on its input needs one per path."
            )
        self.activations._append(rows)
