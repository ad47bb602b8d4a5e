"""One instrumented forward pass, and what it showed: which modules ran, when, and on what.

Execution order is a fact about a run. Registration order (`named_modules`) is not it: 80 of
ResNet50's 126 leaf modules differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import (
    call,
    canonical,
    continuous,
    first_index,
    first_tensor,
    mapped,
    module_names,
    refusal,
    refuse_inference,
    tensors_in,
    unwrap,
)
from robustsplit.network.pairs import Edge, Graph, Node, edge_of
from robustsplit.network.passes import BackwardInside, trial

__all__ = ["Call", "Trace", "replay", "trace"]

#: Rows of a tensor example that are used: two tell the batch axis from the others.
ROWS = 2


@dataclass(eq=False)
class Call:
    """One call of one module.

    Attributes:
        name: Canonical dotted name of the module.
        module: The module.
        number: Which call of this module it is within the forward pass, from 1.
        start: When it began, in ticks of the pass.
        end: When it returned.
        since: Autograd numbers nodes as they are made; all with a lower number were there before.
        given: Where its input tensors come from, in their order; None for those without a graph.
        main: Which of them is the first of real or complex numbers.
        outputs: Where its output tensors come from.
        input_shape: Shape of that input tensor, batch axis included.
        output_shape: Shape of the first output tensor.
    """

    name: str
    module: nn.Module
    number: int
    start: int
    end: int = -1
    since: int = 0
    given: list[Edge | None] = field(default_factory=list)
    main: int = 0
    outputs: list[Edge] = field(default_factory=list)
    input_shape: tuple[int, ...] = ()
    output_shape: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """The name with its pass: "fc" for the first call, "fc:2" for the second."""
        return self.name if self.number == 1 else f"{self.name}:{self.number}"

    @property
    def inputs(self) -> list[Edge]:
        """Where its input tensors come from, without those that have no graph."""
        return [edge for edge in self.given if edge is not None]


@dataclass(eq=False)
class Trace:
    """What the forward pass showed.

    Attributes:
        root: The unwrapped model.
        modules: Every module by canonical name, in registration order.
        calls: Every call, in the order in which they returned.
        batch: Number of rows of the example.
        example: What the model was called with: at most two rows, a copy.
        leaves: The example's tensors of this pass, with which the graph begins.
        outputs: Where the model's outputs come from.
        answer: The model's first output tensor.
        written: Names of the buffers that the pass wrote to, though in eval mode.
        keep: Whether the forward pass differentiates, so that autograd must keep tensors.
    """

    root: nn.Module
    modules: Mapping[str, nn.Module]
    calls: list[Call]
    batch: int
    example: Any
    leaves: list[Tensor]
    outputs: list[Edge]
    answer: Tensor | None = None
    written: tuple[str, ...] = ()
    keep: bool = False

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

    @cached_property
    def from_inputs(self) -> set[Node]:
        """The nodes of the graph that depend on the example's real and complex tensors."""
        leaves = {id(leaf) for leaf in self.leaves}
        marks = {
            node: 1 for node in self.graph.order if id(getattr(node, "variable", None)) in leaves
        }
        return {node for node, bit in self.graph.reach(marks).items() if bit}

    @cached_property
    def keys(self) -> set[str]:
        """The keys of all calls."""
        return {c.key for c in self.calls}

    @property
    def device(self) -> torch.device:
        """Where the example is."""
        probe = first_tensor(self.example)
        assert probe is not None
        return probe.device

    def nearest_called(self, name: str) -> str:
        """Return `name`, or the innermost module around it that was called ("" is the root)."""
        while name and name not in self.first_calls:
            name = name.rpartition(".")[0]
        return name


def trace(model: nn.Module, example: Any) -> Trace:
    """Run `model` once in eval mode and record what ran; the model is left as it was found.

    Flags, buffers, `requires_grad`, gradients, attributes and random state are restored. Autograd
    records the pass so that dependence can be read off it, but keeps none of its tensors (unless
    the forward pass itself differentiates).

    Args:
        model: Any module; wrappers are taken off.
        example: A batch (its first two rows are used), a tuple of arguments or a mapping of
            keywords.

    Returns:
        The trace.

    Raises:
        TypeError: For TorchScript models, whose modules do not run hooks.
        ValueError: For models with parameters or modules that only the first pass makes, models
            made in inference mode, and examples without a tensor.
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
    try:
        traced = _recorded(root, modules, example, keep=False)
    except BackwardInside:
        traced = _recorded(root, modules, example, keep=True)
    if not traced.outputs:
        warnings.warn(
            f"{type(root).__name__}'s output does not depend on its input through autograd, so "
            "whether layers are connected cannot be tested; consecutive ones are taken to be.",
            stacklevel=3,
        )
    return traced


def _recorded(
    root: nn.Module, modules: Mapping[str, nn.Module], example: Any, *, keep: bool
) -> Trace:
    probe = first_tensor(example)
    assert probe is not None
    calls: list[Call] = []
    with trial(root, probe.device, keep=keep) as stack:
        started = mapped(example, _leaf)
        buffers = {name: (b, b._version) for name, b in root.named_buffers()}
        recorder = _CallRecorder(calls)
        for name, module in modules.items():
            recorder.watch(name, module, stack)
        try:
            output = call(root, started)
        except BackwardInside:
            raise
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
        outputs = [edge for edge in _edges(output) if edge is not None]
        answer = first_tensor(output)
        answer = None if answer is None else answer.detach().clone()
        _refuse_growth(root, modules)
        now = dict(root.named_buffers())
        written = tuple(
            canonical(name)
            for name, (buffer, version) in buffers.items()
            if now.get(name) is not buffer or buffer._version != version
        )
    leaves = [leaf for leaf in tensors_in(started) if leaf.requires_grad]
    rows = probe.shape[0]
    return Trace(root, modules, calls, rows, example, leaves, outputs, answer, written, keep)


def replay(
    traced: Trace,
    example: Any,
    *,
    enter: Callable[[str, list[Tensor]], None] | None = None,
    leave: Callable[[str, Any], Any] | None = None,
    names: set[str],
    keep: bool = False,
) -> Any:
    """Run the model again under the conditions of the trial pass.

    Args:
        traced: The trial pass.
        example: What to call the model with.
        enter: Called with a call's key and its input tensors.
        leave: Called with a call's key and its output; what it returns, if anything, takes the
            output's place.
        names: The modules whose calls are watched.
        keep: Whether autograd keeps what a backward pass would need.

    Returns:
        The model's output.
    """
    counts: dict[str, int] = {}

    def watch(name: str, module: nn.Module, stack: ExitStack) -> None:
        running: list[str] = []

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            counts[name] = number = counts.get(name, 0) + 1
            running.append(name if number == 1 else f"{name}:{number}")
            if enter is not None:
                enter(running[-1], list(tensors_in((args, kwargs))))

        def after(module: nn.Module, args: Any, output: Any) -> Any:
            key = running.pop()
            return None if leave is None else leave(key, output)

        stack.enter_context(module.register_forward_pre_hook(before, with_kwargs=True))
        stack.enter_context(module.register_forward_hook(after))

    with trial(traced.root, traced.device, keep=keep or traced.keep) as stack:
        for name in names:
            watch(name, traced.modules[name], stack)
        return call(traced.root, example)


class _CallRecorder:
    """Appends a `Call` for every call it watches."""

    def __init__(self, calls: list[Call]) -> None:
        self.calls = calls
        self.ticks = 0
        self.open: dict[str, list[Call]] = {}
        self.counts: dict[str, int] = {}
        self.clock = torch.zeros((), requires_grad=True)

    def watch(self, name: str, module: nn.Module, stack: ExitStack) -> None:
        """Watch one module until `stack` closes."""

        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            self.ticks += 1
            self.counts[name] = self.counts.get(name, 0) + 1
            entry = Call(name, module, self.counts[name], self.ticks, since=self.now())
            given = list(tensors_in((args, kwargs)))
            entry.given = _edges(given)
            entry.main = first_index(given)
            entry.input_shape = tuple(given[entry.main].shape) if given else ()
            self.open.setdefault(name, []).append(entry)

        def after(module: nn.Module, args: Any, output: Any) -> None:
            self.ticks += 1
            entry = self.open[name].pop()
            entry.end = self.ticks
            entry.outputs = [edge for edge in _edges(output) if edge is not None]
            entry.output_shape = _shape(output)
            self.calls.append(entry)

        stack.enter_context(module.register_forward_pre_hook(before, with_kwargs=True))
        stack.enter_context(module.register_forward_hook(after))

    def now(self) -> int:
        """Return the number of a node made now."""
        with torch.enable_grad():
            node: Node = (self.clock + 0).grad_fn
        return int(node._sequence_nr())


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
    refuse_inference(root)


def _refuse_growth(root: nn.Module, modules: Mapping[str, nn.Module]) -> None:
    """Raise when the pass made modules, which no hook has watched."""
    known = {id(module) for module in modules.values()}
    new = [name for name, module in module_names(root).items() if id(module) not in known]
    if new:
        raise ValueError(
            f"The forward pass of {type(root).__name__} made module {new[0]!r}, so the model only "
            "has all its layers afterwards. Call the model once on a batch before listing its "
            "layers, and before loading weights."
        )


def _prepare(example: Any, root: nn.Module) -> Any:
    """Copy the example to the model's device; of a plain tensor keep `ROWS` rows."""
    device = next((p.device for p in root.parameters()), None)

    def move(value: Tensor) -> Tensor:
        # Copied, so that the caller may change it, and outside of inference mode.
        with torch.inference_mode(False):
            return value.detach().clone().to(device)

    if isinstance(example, Tensor):
        return move(example[:ROWS] if example.ndim else example)
    if isinstance(example, Mapping):
        return {key: mapped(value, move) for key, value in example.items()}
    if isinstance(example, tuple | list):
        return tuple(mapped(value, move) for value in example)
    raise TypeError(
        f"`example` must be a tensor, a tuple of arguments or a dict of keywords, "
        f"got {type(example).__name__}. For arrays: torch.as_tensor(array)."
    )


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.clone().requires_grad_(continuous(tensor))


def _edges(value: Any) -> list[Edge | None]:
    return [edge_of(tensor) for tensor in tensors_in(value)]


def _shape(value: Any) -> tuple[int, ...]:
    tensor = first_tensor(value)
    return () if tensor is None else tuple(tensor.shape)
