"""Cut a network in two, f = f_b o f_a, in execution order, without taking it apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from mitools.samples.messages import unknown
from robustsplit.network.cuts import bypassed, cut_before, run_from, run_to, untrue
from robustsplit.network.freeze import Freeze, frozen
from robustsplit.network.layers import Network, Shortcuts
from robustsplit.network.models import canonical, eval_mode, module_names, unwrap
from robustsplit.network.owners import listed
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
        notes: What in f_a would change in train mode, where `frozen()` keeps it as it is, and the
            buffers that f_a writes to in every pass.

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
        self.notes = tuple(sides.notes())
        self._written = tuple(sides.written)
        self._warnings = tuple(sides.warnings())
        self._example, self._cut = network.trace.example, cut_before(network, entry)
        self._bypassed = bypassed(network, entry)
        self._around = tuple(
            cut_before(network, other) for other in sides.around() if not bypassed(network, other)
        )
        self._obstacle: str | None = None  # found when asked for: it takes four passes

    @property
    def name(self) -> str:
        """A short label: "last 3 weight layers"."""
        return f"last {len(self.f_b)} weight layer{'s' * (len(self.f_b) > 1)}"

    @property
    def clean(self) -> bool:
        """Whether f_b is a function of the one tensor at the cut: f_b(f_a(x)) is the model.

        The graph of the trial pass must show no way around the cut, and f_b, run on what arrives
        there, must give what the model gives. False where that cannot be tested; `check()` says
        why.
        """
        return not self._why_not_clean()

    def _why_not_clean(self) -> str:
        if self._obstacle is None:
            self._obstacle = (
                self._bypass_text()
                if self._bypassed
                else untrue(self.model, self._cut, self._example)
            )
        return self._obstacle

    def _bypass_text(self) -> str:
        text = (
            f"The cut at {self.at!r} is inside a residual block or parallel branches: the output "
            "also depends on f_a by a path around the cut, so f_b is no function of one layer."
        )
        for cut in self._around:
            if not untrue(self.model, cut, self._example):
                return f"{text} A cut at {cut.key!r} is clean."
        return text

    def __repr__(self) -> str:
        a, b = len(self.f_a), len(self.f_b)
        return (
            f"Split({self.name}: f_a = {a} layer{'s' * (a > 1)} up to {self.f_a[-1]!r}, "
            f"f_b = {b} layer{'s' * (b > 1)} from {self.f_b[0]!r})"
        )

    def check(self) -> list[str]:
        """Return what a reader of the results must know about this cut, one text for each."""
        first = self._why_not_clean()
        return [*([first] if first else []), *self._warnings, *self._unsteady()]

    def _unsteady(self) -> Iterator[str]:
        """Say what moves in f_a though it is frozen: from pass to pass, or by train mode."""
        device = next((p.device for p in self.model.parameters()), torch.device("cpu"))
        with restored(self.model, device), eval_mode(self.model), torch.no_grad(), self.frozen():
            still = self.run_f_a(self._example).clone()
            if self._written and not _close(still, self.run_f_a(self._example)):
                yield (
                    "f_a's output changes from pass to pass, even in eval mode, by what it writes "
                    f"to its buffers ({listed(list(self._written))}): after training it is not "
                    "the f_a that it was."
                )
                return
            self.model.train()
            if not _close(still, self.run_f_a(self._example)):
                yield (
                    "f_a's output differs in train mode even when its modules are kept in eval "
                    "mode, probably by a function such as F.dropout in a module that both sides "
                    "share; make it a module."
                )

    def on(self, model: nn.Module) -> Split:
        """Return the same cut through another model of the same architecture.

        Args:
            model: The other model, wrapped or not.

        Returns:
            A split of that model.

        Raises:
            ValueError: When its parameters and buffers have other names.
        """
        other = object.__new__(Split)
        other.__dict__.update(self.__dict__)
        other.model, other._obstacle = unwrap(model), None
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
        Buffers that f_a writes to in every pass, such as counters, are left to it (`notes` names
        them). Gradients with respect to the input still flow through f_a, so attacks work. On
        exit, everything is as before. A copy made inside is an ordinary model; of its parameters,
        those of f_a need no gradient. Compiling or wrapping (DDP) belongs inside the block.

        Returns:
            A context manager that gives the `Freeze`.
        """
        tensors, modules = self._tensors(), module_names(self.model)
        return frozen(
            self._parameters(self.f_a_tensors),
            {name: tensors[name] for name in self.f_a_tensors if name not in self._written},
            {name: modules[name] for name in self.f_a_modules},
        )

    def f_a_state(self) -> dict[str, Tensor]:
        """Return copies of f_a's parameters and buffers, by their names in the state dict."""
        return self._state(self.f_a_tensors)

    def f_b_state(self) -> dict[str, Tensor]:
        """Return copies of f_b's parameters and buffers, by their names in the state dict."""
        return self._state(self.f_b_tensors)

    def load_f_a(self, state: Mapping[str, Tensor] | nn.Module) -> None:
        """Copy f_a's parameters and buffers from another state of the same model.

        Args:
            state: A state dict, whole or `f_a_state()`, or a model; as for `load_f_b`.

        Raises:
            ValueError: For a missing tensor or another shape; nothing is copied then.
        """
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
        """Return f_a(inputs): what arrives at the cut. Gradients flow; modes are left alone.

        Args:
            inputs: A batch, a tuple or list of arguments, or a mapping of keywords.

        Returns:
            The tensor that the module at the cut is given, shape (b, ...).

        Raises:
            RuntimeError: When this forward pass does not reach the cut.
            ValueError: When the module there is not given the tensor to cut at.
        """
        return run_to(self.model, self._cut, inputs)

    def run_f_b(self, hidden: Tensor) -> Any:
        """Return f_b(hidden): the model's output when `hidden` arrives at the cut.

        The part before the cut runs on blank inputs, and its result is overwritten. This is
        costly, but it works for any model.

        Args:
            hidden: What `run_f_a` returns, shape (b, ...).

        Returns:
            What the model returns; gradients with respect to `hidden` and f_b's parameters flow.

        Raises:
            ValueError: When the cut is not clean, so that f_b needs more than this tensor, or when
                that cannot be tested.
        """
        if obstacle := self._why_not_clean():
            raise ValueError("f_b is no function of one tensor. " + obstacle)
        return run_from(self.model, self._cut, self._example, hidden)

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


def _close(one: Tensor, two: Tensor) -> bool:
    return torch.allclose(one, two, rtol=1e-3, atol=1e-6)
