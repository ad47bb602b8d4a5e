"""One instrumented forward pass, and what it showed: which modules ran, when, and on what.

Execution order is a fact about a run. Registration order (`named_modules`) is not it: 80 of
ResNet50's 126 leaf modules differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import (
    call,
    eager,
    eval_mode,
    first_tensor,
    module_names,
    refusal,
    tensors_in,
    unwrap,
)
from robustsplit.network.pairs import Edge, Graph, edge_of

__all__ = ["TRACING", "Call", "Trace", "restored", "trace"]

#: Rows of a tensor example that are used: two tell the batch axis from the others.
ROWS = 2

#: Whether a trial pass is under way: a capture around it must not take its rows for the user's.
TRACING: ContextVar[bool] = ContextVar("tracing", default=False)


@dataclass(eq=False)
class Call:
    """One call of one module.

    Attributes:
        name: Canonical dotted name of the module.
        module: The module.
        number: Which call of this module it is within the forward pass, from 1.
        start: When it began, in ticks of the pass.
        end: When it returned.
        inputs: Where its input tensors come from.
        outputs: Where its output tensors come from.
        input_shape: Shape of the first input tensor, batch axis included.
        output_shape: Shape of the first output tensor.
    """

    name: str
    module: nn.Module
    number: int
    start: int
    end: int = -1
    inputs: list[Edge] = field(default_factory=list)
    outputs: list[Edge] = field(default_factory=list)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The name with its pass: "fc" for the first call, "fc:2" for the second."""
        return self.name if self.number == 1 else f"{self.name}:{self.number}"


@dataclass(eq=False)
class Trace:
    """What the forward pass showed.

    Attributes:
        root: The unwrapped model.
        modules: Every module by canonical name, in registration order.
        calls: Every call, in the order in which they returned.
        batch: Number of rows of the example.
        example: What the model was called with: at most two rows.
        outputs: Where the model's outputs come from.
    """

    root: nn.Module
    modules: Mapping[str, nn.Module]
    calls: list[Call]
    batch: int
    example: Any
    outputs: list[Edge]

    @cached_property
    def graph(self) -> Graph:
        """The autograd graph under the outputs and under every module's inputs."""
        return Graph([*self.outputs, *(edge for c in self.calls for edge in c.inputs)])

    @cached_property
    def first_calls(self) -> dict[str, Call]:
        """The first call of each called module, by name."""
        return {c.name: c for c in reversed(self.calls) if c.number == 1}

    @cached_property
    def used(self) -> set[int]:
        """Identities of the parameters on which the model's outputs depend."""
        nodes = self.graph.below(self.outputs)
        return {id(node.variable) for node in nodes if hasattr(node, "variable")}

    def nearest_called(self, name: str) -> str:
        """Return `name`, or the innermost module around it that was called ("" is the root)."""
        while name and name not in self.first_calls:
            name = name.rpartition(".")[0]
        return name


def trace(model: nn.Module, example: Any) -> Trace:
    """Run `model` once in eval mode and record what ran; the model is left as it was found.

    Flags, buffers, `requires_grad`, gradients and random state are restored. Autograd records the
    pass so that dependence can be read off it, but keeps none of its tensors.

    Args:
        model: Any module; wrappers are taken off.
        example: A batch (its first two rows are used), a tuple of arguments or a mapping of
            keywords.

    Returns:
        The trace.

    Raises:
        TypeError: For TorchScript models, whose modules do not run hooks.
        ValueError: For models with uninitialised (lazy) parameters, and examples without a tensor.
    """
    root = unwrap(model)
    _refuse(root)
    modules = module_names(root)
    example = _prepare(example, root)
    probe = first_tensor(example)
    if probe is None or probe.ndim == 0:
        raise ValueError(
            f"`example` must be a batch of inputs, got {type(example).__name__} without a tensor "
            "that has a batch axis. Pass a tensor, a tuple of arguments or a dict of keywords."
        )
    calls: list[Call] = []
    with ExitStack() as stack:
        token = TRACING.set(True)
        stack.callback(TRACING.reset, token)
        stack.enter_context(eager())
        stack.enter_context(eval_mode(root))
        stack.enter_context(restored(root, probe.device))
        stack.enter_context(torch.enable_grad())
        # The graph is only read, so what backward would need is dropped at once.
        stack.enter_context(torch.autograd.graph.saved_tensors_hooks(lambda _: None, lambda x: x))
        recorder = _CallRecorder(calls)
        for name, module in modules.items():
            recorder.watch(name, module, stack)
        try:
            output = call(root, _differentiable(example))
        except Exception as error:
            if isinstance(error, RuntimeError) and isinstance(example, Tensor):
                better = refusal(error, root, example)
                if better is not error:
                    raise better from error
            error.add_note(
                f"This happened in a trial pass of {type(root).__name__} on an example of shape "
                f"{tuple(probe.shape)}; check that `model(example)` works."
            )
            raise
        outputs = _edges(output)
    if not outputs:
        warnings.warn(
            f"{type(root).__name__}'s output does not depend on its input through autograd, so "
            "whether layers are connected cannot be tested; consecutive ones are taken to be.",
            stacklevel=3,
        )
    return Trace(root, modules, calls, probe.shape[0], example, outputs)


class _CallRecorder:
    """Appends a `Call` for every call it watches."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.ticks = 0
        self.open: dict[str, list[Call]] = {}
        self.counts: dict[str, int] = {}

    def watch(self, name: str, module: nn.Module, stack: ExitStack) -> None:
        """Watch one module until `stack` closes."""

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.ticks += 1
            self.counts[name] = self.counts.get(name, 0) + 1
            entry = Call(name, module, self.counts[name], self.ticks)
            entry.inputs = _edges((args, kwargs))
            entry.input_shape = _shape((args, kwargs))
            self.open.setdefault(name, []).append(entry)

        def after(module: nn.Module, args: Any, output: Any) -> None:
            self.ticks += 1
            entry = self.open[name].pop()
            entry.end = self.ticks
            entry.outputs = _edges(output)
            entry.output_shape = _shape(output)
            self.calls.append(entry)

        stack.enter_context(module.register_forward_pre_hook(before, with_kwargs=True))
        stack.enter_context(module.register_forward_hook(after))


def _refuse(root: nn.Module) -> None:
    for name, module in root.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise TypeError(
                f"{name or 'The model'} is a TorchScript module, which does not run hooks. "
                "Pass the Python model that it was made from."
            )
    for name, parameter in root.named_parameters():
        if nn.parameter.is_lazy(parameter):
            raise ValueError(
                f"Parameter {name!r} is not initialised yet (a lazy module). "
                "Call the model once on a batch before listing its layers."
            )


def _prepare(example: Any, root: nn.Module) -> Any:
    """Put the example on the model's device; of a plain tensor keep `ROWS` rows."""
    device = next((p.device for p in root.parameters()), None)

    def move(value: Any) -> Any:
        return value.detach().to(device) if isinstance(value, Tensor) else value

    if isinstance(example, Tensor):
        return move(example[:ROWS] if example.ndim else example)
    if isinstance(example, Mapping):
        return {key: move(value) for key, value in example.items()}
    if isinstance(example, tuple | list):
        return tuple(move(value) for value in example)
    raise TypeError(
        f"`example` must be a tensor, a tuple of arguments or a dict of keywords, "
        f"got {type(example).__name__}. For arrays: torch.as_tensor(array)."
    )


def _differentiable(example: Any) -> Any:
    """Return the example as tensors that need a gradient and may be written to in place."""

    def ready(value: Any) -> Any:
        if isinstance(value, Tensor) and value.is_floating_point():
            return value.clone().requires_grad_().clone()
        return value.clone() if isinstance(value, Tensor) else value

    if isinstance(example, Mapping):
        return {key: ready(value) for key, value in example.items()}
    if isinstance(example, tuple):
        return tuple(ready(value) for value in example)
    return ready(example)


@contextmanager
def restored(root: nn.Module, device: torch.device) -> Iterator[None]:
    """Make every parameter need a gradient; give that, buffers and random state back on exit."""
    # Some modules write to buffers even in eval mode.
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in root.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    needed = [(parameter, parameter.requires_grad) for parameter in root.parameters()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            for parameter, _ in needed:
                if parameter.is_floating_point():
                    parameter.requires_grad_(True)
            yield
        finally:
            for parameter, flag in needed:
                parameter.requires_grad_(flag)
            with torch.no_grad():
                for module, name, buffer, value in buffers:
                    module._buffers[name] = buffer
                    if not torch.equal(buffer, value):
                        buffer.copy_(value)


def _edges(value: Any) -> list[Edge]:
    return [edge for edge in map(edge_of, tensors_in(value)) if edge is not None]


def _shape(value: Any) -> tuple[int, ...]:
    tensor = first_tensor(value)
    return () if tensor is None else tuple(tensor.shape)
