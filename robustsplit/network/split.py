"""Cut a network in two, f = f_b o f_a, in execution order, without taking it apart."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from mitools.messages import unknown
from robustsplit.network.freeze import Freeze, frozen
from robustsplit.network.layers import Network, Shortcuts
from robustsplit.network.models import (
    call,
    canonical,
    eager,
    eval_mode,
    first_tensor,
    module_names,
    unwrap,
)
from robustsplit.network.passes import restored
from robustsplit.network.sides import Sides, named_tensors
from robustsplit.network.trace import Call, trace

__all__ = ["Split"]


class Split:
    """A model with a cut.

    Args:
        model: Any torch model; wrappers are taken off, so wrap it in DistributedDataParallel after
            freezing, not before.
        example: A batch for one trial pass.
        at: The first layer of f_b: a weight layer (a later pass of one as "name:2") or any called
            module, such as a block.
        last: In place of `at`: how many weight layers, counted from the output, f_b has.
        shortcuts: Whether projections on residual shortcuts count, as for `weight_layers`.

    Attributes:
        model: The unwrapped model.
        at: The module at which f_b begins.
        cut: Position of f_b's first weight layer.
        f_a: Names of f_a's weight layers, in execution order.
        f_b: Names of f_b's.
        f_a_tensors: Names of f_a's parameters and buffers.
        f_b_tensors: Names of f_b's.
        f_a_modules: Names of the modules that belong to f_a as a whole.
        clean: Whether f_b is a function of the one tensor at the cut: nothing bypasses it.
        notes: What of f_a train mode would move, and `frozen()` keeps still: for the record.

    Raises:
        ValueError: For unknown or uncalled names, and a cut that leaves one side without layers.

    Example:
        >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
        >>> split = Split(net, torch.zeros(2, 3), last=2)
        >>> split
        Split(last 2 weight layers: f_a = 1 layer up to '0', f_b = 2 layers from '2')
    """

    def __init__(
        self,
        model: nn.Module,
        example: Any,
        at: str | None = None,
        *,
        last: int | None = None,
        shortcuts: Shortcuts = "exclude",
    ) -> None:
        network = Network(trace(model, example), shortcuts=shortcuts)
        entry = _cut(network, at, last)
        main = network.main
        self.model = network.trace.root
        self.at = entry.key
        self.f_a = tuple(other.key for other in main if other.start < entry.start)
        self.f_b = tuple(other.key for other in main if other.start >= entry.start)
        self.cut = len(self.f_a)
        _refuse_one_sided(self, len(main))
        sides = Sides(network, entry)
        self.f_a_modules = sides.f_a_modules
        self.f_a_tensors, self.f_b_tensors = sides.f_a_tensors, sides.f_b_tensors
        self.clean = not sides.bypassed(entry)
        self._warnings = tuple(sides.warnings(self.clean))
        self.notes = tuple(sides.notes())
        self._example, self._entry = network.trace.example, (entry.name, entry.number)
        self._tested = False

    @property
    def name(self) -> str:
        """A short label: "last 3 weight layers"."""
        return f"last {len(self.f_b)} weight layer{'s' * (len(self.f_b) > 1)}"

    def __repr__(self) -> str:
        a, b = len(self.f_a), len(self.f_b)
        return (
            f"Split({self.name}: f_a = {a} layer{'s' * (a > 1)} up to {self.f_a[-1]!r}, "
            f"f_b = {b} layer{'s' * (b > 1)} from {self.f_b[0]!r})"
        )

    def check(self) -> list[str]:
        """Say what a reader of the results must know about this cut, one sentence each."""
        noise = (
            "f_a's output differs in train mode even when its modules are kept in eval mode, "
            "probably by a function such as F.dropout in a module that both sides share; make it "
            "a module."
        )
        return [*self._warnings, *([noise] if self._noisy() else [])]

    def _noisy(self) -> bool:
        """Whether train mode changes what arrives at the cut, f_a being frozen."""
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        with restored(self.model, device), eval_mode(self.model), torch.no_grad(), self.frozen():
            still = self.run_f_a(self._example).clone()
            self.model.train()
            return not torch.allclose(still, self.run_f_a(self._example), rtol=1e-3, atol=1e-6)

    def on(self, model: nn.Module) -> Split:
        """Return the same cut through another model of the same architecture."""
        other = object.__new__(Split)
        other.__dict__.update(self.__dict__)
        other.model = unwrap(model)
        missing = set(self._tensors()) ^ set(other._tensors())
        if missing:
            raise ValueError(
                f"The model is not of the architecture that was split: {sorted(missing)[0]!r} is "
                "in one of the two only."
            )
        return other

    def trainable(self) -> list[nn.Parameter]:
        """Return f_b's parameters, each once: what an optimizer should be given."""
        return self._parameters(self.f_b_tensors)

    def frozen(self) -> AbstractContextManager[Freeze]:
        """Hold f_a still inside a `with` block.

        Its parameters need no gradient, its modules stay in eval mode even after `model.train()`,
        and the `Freeze` that the block receives can check that no parameter or buffer moved.
        Gradients with respect to the input still flow through f_a, so attacks work. On exit,
        everything is as before. Compiling or wrapping (DDP) belongs inside the block.
        """
        tensors, modules = self._tensors(), module_names(self.model)
        return frozen(
            self._parameters(self.f_a_tensors),
            {name: tensors[name] for name in self.f_a_tensors},
            {name: modules[name] for name in self.f_a_modules},
        )

    def f_a_state(self) -> dict[str, Tensor]:
        """Return copies of f_a's parameters and buffers, by their names in the state dict."""
        return self._state(self.f_a_tensors)

    def f_b_state(self) -> dict[str, Tensor]:
        """Return copies of f_b's parameters and buffers, by their names in the state dict."""
        return self._state(self.f_b_tensors)

    def load_f_a(self, state: Mapping[str, Tensor] | nn.Module) -> None:
        """Copy f_a's parameters and buffers from another state of the same model."""
        self._load(self.f_a_tensors, state)

    def load_f_b(self, state: Mapping[str, Tensor] | nn.Module) -> None:
        """Copy f_b's parameters and buffers from another state of the same model.

        Args:
            state: A state dict, whole or `f_b_state()`, or a model; prefixes of wrappers are
                ignored.

        Raises:
            ValueError: For a missing tensor or another shape; nothing is copied then.
        """
        self._load(self.f_b_tensors, state)

    def run_f_a(self, inputs: Any) -> Tensor:
        """Return f_a(inputs): what arrives at the cut. Gradients flow; modes are left alone."""
        reached: list[Tensor] = []

        def stop(args: Any, kwargs: Any) -> Any:
            tensor = first_tensor((args, kwargs))
            assert tensor is not None
            reached.append(tensor)
            raise _Reached

        with self._at_cut(stop):
            try:
                call(self.model, inputs)
            except _Reached:
                return reached[0]
        raise RuntimeError(f"This forward pass did not call {self.at!r}, where the cut is.")

    def run_f_b(self, hidden: Tensor) -> Any:
        """Return f_b(hidden): the model's output when `hidden` arrives at the cut.

        The part before the cut runs on blank inputs, and its result is overwritten: dear, but any
        model can do it.

        Args:
            hidden: What `run_f_a` returns, shape (b, ...).

        Returns:
            What the model returns; gradients with respect to `hidden` and f_b's parameters flow.

        Raises:
            ValueError: When the cut is not clean, so that f_b needs more than this tensor.
        """
        if not self.clean:
            raise ValueError("f_b is no function of one tensor. " + self._warnings[0])
        self._self_test()
        grad = torch.is_grad_enabled()

        def patch(args: Any, kwargs: Any) -> Any:
            old = first_tensor((args, kwargs))
            assert old is not None
            torch.set_grad_enabled(grad)
            if old._is_view():  # autograd forbids writing to views made without gradients
                return _replaced(args, old, hidden), _replaced(kwargs, old, hidden)
            # Overwriting reaches all who hold the tensor, such as the skip path of its block.
            old.copy_(hidden)
            return None

        def blank(value: Any) -> Any:
            if not isinstance(value, Tensor):
                return value
            return torch.zeros_like(value[:1]).expand(len(hidden), *value.shape[1:]).clone()

        example = self._example
        if isinstance(example, Mapping):
            blanks: Any = {key: blank(value) for key, value in example.items()}
        elif isinstance(example, tuple):
            blanks = tuple(blank(value) for value in example)
        else:
            blanks = blank(example)
        with torch.no_grad(), self._at_cut(patch):
            return call(self.model, blanks)

    def _self_test(self) -> None:
        """Raise unless f_b(f_a(x)) = f(x) on the example; done once."""
        if self._tested:
            return
        self._tested = True
        with eval_mode(self.model), torch.no_grad():
            wanted = first_tensor(call(self.model, self._example))
            found = first_tensor(self.run_f_b(self.run_f_a(self._example).clone()))
        if wanted is None or found is None or not torch.allclose(wanted, found, rtol=1e-3):
            self._tested = False
            raise ValueError(
                f"Running f_b from {self.at!r} does not give the model's own output: something "
                "that autograd does not record passes by the cut. Cut at another layer."
            )

    def _at_cut(self, action: Any) -> ExitStack:
        """Run `action(args, kwargs)` before the call at the cut, until the stack closes."""
        name, number = self._entry
        count = 0

        def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
            nonlocal count
            count += 1
            return action(args, kwargs) if count == number else None

        stack = ExitStack()
        stack.enter_context(eager())
        module = module_names(self.model)[name]
        stack.enter_context(module.register_forward_pre_hook(before, with_kwargs=True))
        return stack

    def _tensors(self) -> dict[str, Tensor]:
        return dict(named_tensors(self.model))

    def _parameters(self, names: tuple[str, ...]) -> list[nn.Parameter]:
        tensors = self._tensors()
        found = {id(tensors[name]): tensors[name] for name in names}
        return [tensor for tensor in found.values() if isinstance(tensor, nn.Parameter)]

    def _state(self, names: tuple[str, ...]) -> dict[str, Tensor]:
        saved = {canonical(key) for key in self.model.state_dict()}  # no non-persistent buffers
        tensors = self._tensors()
        return {name: tensors[name].detach().clone() for name in names if name in saved}

    def _load(self, names: tuple[str, ...], state: Mapping[str, Tensor] | nn.Module) -> None:
        if isinstance(state, nn.Module):
            state = unwrap(state).state_dict()
        saved = {canonical(key) for key in self.model.state_dict()}
        given = {canonical(key): value for key, value in state.items()}
        if not any(key in saved for key in given):
            given = {key.removeprefix("module."): value for key, value in given.items()}
        tensors, copies = self._tensors(), []
        for name in names:
            if name not in saved:
                continue
            if name not in given:
                raise ValueError(f"The state dict lacks a tensor. {unknown('key', name, given)}")
            if given[name].shape != tensors[name].shape:
                raise ValueError(
                    f"{name!r} has shape {tuple(given[name].shape)} in the state dict and "
                    f"{tuple(tensors[name].shape)} in the model; the two must be one architecture."
                )
            copies.append((tensors[name], given[name]))
        with torch.no_grad():
            for target, source in copies:
                target.copy_(source)


class _Reached(Exception):
    """Stops a forward pass at the cut."""


def _cut(network: Network, at: str | None, last: int | None) -> Call:
    """Return the call before which to cut."""
    if (at is None) == (last is None):
        raise ValueError(
            "Give either `at` (the first layer of f_b) or `last` (how many weight layers f_b "
            "has), " + ("not both." if at is not None else "for example last=3.")
        )
    if at is not None:
        return network.find(at)
    total = len(network.main)
    assert last is not None
    model = type(network.trace.root).__name__
    if total < 2:
        raise ValueError(
            f"{model} has {total} weight layer{'s' * (total != 1)}, and each side of a cut needs "
            "one. " + " ".join(network.warnings)
        )
    if not 0 < last < total:
        raise ValueError(
            f"`last` must be from 1 to {total - 1}, got {last}: {model} has {total} weight "
            "layers, and each side of the cut needs one."
        )
    return network.main[total - last]


def _refuse_one_sided(split: Split, total: int) -> None:
    if not split.f_a:
        raise ValueError(
            f"A cut at {split.at!r} leaves f_a empty: nothing runs before its first weight layer "
            f"{split.f_b[0]!r}. Cut at a later layer, or train the whole network without a split."
        )
    if not split.f_b:
        raise ValueError(
            f"A cut at {split.at!r} leaves f_b empty: none of the {total} weight layers runs from "
            f"there on; the last is {split.f_a[-1]!r}. Cut at it or before."
        )


def _replaced(value: Any, old: Tensor | None, new: Tensor) -> Any:
    """Return a structure with one tensor exchanged."""
    if value is old:
        return new
    if isinstance(value, tuple):
        return tuple(_replaced(item, old, new) for item in value)
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    return value
