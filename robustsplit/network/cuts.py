"""One place in a forward pass at which to cut: what arrives there, and whether it is all.

f_a is what runs before; f_b is a function of the one tensor at the cut if nothing else that the
data made before the cut reaches the output. The graph of the trial pass tells what autograd
recorded; running f_b on what arrives there, and comparing, tells the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import (
    call,
    continuous,
    eager,
    eval_mode,
    mapped,
    module_names,
    tensors_in,
)
from robustsplit.network.passes import restored
from robustsplit.network.probes import sample, varied
from robustsplit.network.structure import Network
from robustsplit.network.trace import Call

__all__ = ["Cut", "bypassed", "cut_before", "run_from", "run_to", "untrue"]

#: Values vary if they do by so many units in the last place of the largest, and agree if they
#: differ by less than so many, or by less than this part of their variation.
VARIES, AGREES, PART = 200, 50, 1e-3
#: So many inputs are compared if they have no more than so many values together.
ROWS, VALUES = 32, 2**16


@dataclass(frozen=True)
class Cut:
    """Where to cut.

    Attributes:
        name: The module before whose call the cut is.
        number: Which of its calls.
        index: Which of its input tensors f_b is a function of.
        later: Names and numbers of the weight layers that run from there on and reach the output.
    """

    name: str
    number: int
    index: int
    later: tuple[tuple[str, int], ...]

    @property
    def key(self) -> str:
        """The name with its pass, as `Call.key`."""
        return self.name if self.number == 1 else f"{self.name}:{self.number}"


def cut_before(network: Network, entry: Call) -> Cut:
    """Return the cut before a call, at the first of its input tensors that the data made."""
    later = [
        (other.name, other.number)
        for other in network.main
        if other.start >= entry.start and network.reaches_output(other)
    ]
    return Cut(entry.name, entry.number, _index(network, entry), tuple(later))


def _index(network: Network, entry: Call) -> int:
    seeing = network.trace.from_inputs
    made = [i for i, edge in enumerate(entry.given) if edge is not None and edge[0] in seeing]
    return made[0] if made else entry.main


def bypassed(network: Network, entry: Call) -> bool:
    """Return whether the graph shows a way from inputs to outputs around the cut before a call.

    Args:
        network: The traced network.
        entry: The call.

    Returns:
        Whether it shows one; False where autograd did not record the tensor at the cut, which is
        no proof.
    """
    traced = network.trace
    index = _index(network, entry)
    wall = entry.given[index] if index < len(entry.given) else None
    if wall is None:
        return False
    # What was made before the cut reaches the output only through the tensor at the cut, unless it
    # was made of parameters alone, which f_b has too.
    return any(
        node._sequence_nr() < entry.since and network.owners.sees_data(node)
        for node in traced.graph.below(traced.outputs, stop=[wall])
    )


def run_to(model: nn.Module, cut: Cut, inputs: Any) -> Tensor:
    """Return what arrives at the cut.

    Args:
        model: The unwrapped model.
        cut: Where it is cut.
        inputs: A batch, a tuple or list of arguments, or a mapping of keywords.

    Returns:
        The tensor at the cut. The rest of the forward pass is not run.

    Raises:
        RuntimeError: When this forward pass does not reach the cut.
        ValueError: When the call there is not given the tensor to cut at.
    """
    reached: list[Tensor] = []

    def stop(args: Any, kwargs: Any) -> None:
        reached.append(_at(cut, args, kwargs))
        raise _Reached

    with _before(model, cut, stop):
        try:
            call(model, inputs)
        except _Reached:
            return reached[0]
    raise RuntimeError(f"This forward pass did not call {cut.key!r}, where the cut is.")


def run_from(model: nn.Module, cut: Cut, example: Any, hidden: Tensor) -> Any:
    """Return the model's output when `hidden` arrives at the cut; blanks run up to there.

    Raises:
        ValueError: For a tensor of another shape, and where autograd does not allow to overwrite
            the one at the cut, though more than the layer at the cut uses it.
    """
    output, everywhere = _run_from(model, cut, example, hidden)
    if everywhere or not torch.is_grad_enabled():
        return output
    with torch.no_grad():
        reference = _sampled(_run_from(model, cut, example, hidden)[0])
    if _distance(_sampled(output), reference) > AGREES * reference.unit:
        raise ValueError(
            f"Gradients cannot be had from {cut.key!r} on: what arrives there is one of several "
            "views of a tensor, which autograd does not overwrite, and is also used past the "
            "layer. Use torch.no_grad(), or cut at another layer."
        )
    return output


def _run_from(model: nn.Module, cut: Cut, example: Any, hidden: Tensor) -> tuple[Any, bool]:
    """Return the output, and whether all who hold the tensor at the cut got the new one."""
    frozen = [p for p in model.parameters() if p.requires_grad and torch.is_grad_enabled()]
    everywhere = True

    def thaw() -> None:
        for parameter in frozen:
            parameter.requires_grad_(True)

    def patch(args: Any, kwargs: Any) -> Any:
        nonlocal everywhere
        thaw()
        old = _at(cut, args, kwargs)
        if old.shape != hidden.shape:
            raise ValueError(
                f"`hidden` has shape {tuple(hidden.shape)}, but what arrives at {cut.key!r} has "
                f"{tuple(old.shape)}. Pass what run_f_a returns for inputs of the example's size."
            )
        try:
            # Overwriting reaches all who hold the tensor, such as the shortcut around its block.
            old.copy_(hidden)
            return None
        except RuntimeError:  # one of several views of one tensor, or expanded
            everywhere = False
            return _replaced(args, old, hidden), _replaced(kwargs, old, hidden)

    batch = next(len(tensor) for tensor in tensors_in(example) if tensor.ndim)

    def blank(value: Tensor) -> Tensor:
        if not value.ndim or len(value) != batch:
            return value  # a mask of positions, a scale
        return torch.zeros_like(value[:1]).expand(len(hidden), *value.shape[1:]).clone()

    # No graph is made of the blanks, but for a view to be overwritten with something that has
    # one, it may not have been made inside `no_grad`.
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        with _before(model, cut, patch):
            return call(model, mapped(example, blank)), everywhere
    finally:
        thaw()


def untrue(model: nn.Module, cut: Cut, example: Any) -> str:
    """Return why f_b(f_a(x)) is not seen to be f(x), or nothing.

    Compared are the output and what each weight layer of f_b is given, with how much they vary
    from one input to another: of values that hardly vary, equality says nothing. Some networks
    vary so little before training that only double precision shows it.

    Args:
        model: The unwrapped model; left as it was found.
        cut: Where it is cut.
        example: What it can be called with; it is called with other values of this kind.

    Returns:
        "" where they agree; else what differs, or why it could not be tested, in sentences.
    """
    try:
        verdict = _compared(model, cut, example)
    except Exception as error:  # not every value is an input
        return (
            f"Whether f_b is a function of what arrives at {cut.key!r} could not be tested: with "
            f"other values than the example's the model raised {type(error).__name__}: {error}"
        )
    if verdict is None:
        try:
            doubled = deepcopy(model).double()
            verdict = _compared(doubled, cut, mapped(example, _double))
        except Exception:  # any code may run here, and much of it knows one precision only
            verdict = None
    if verdict is not None:
        return verdict
    return (
        f"Whether f_b is a function of what arrives at {cut.key!r} could not be tested: the "
        "model's output is the same for different inputs. Is it untrained, or is the example made "
        "of one integer, beside which none is known to be valid?"
    )


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _compared(model: nn.Module, cut: Cut, example: Any) -> str | None:
    """Return nothing if f_b(f_a(x)) = f(x), where it is not, or None if the output is constant."""
    many = _repeated(example)
    inputs, others = varied(many), varied(many, seed=1)
    device = next(tensors_in(example)).device

    def seen(run: Callable[[], Any]) -> dict[tuple[str, int], _Values]:
        with restored(model, device):
            return _seen(model, cut, run)

    with torch.inference_mode(False), eval_mode(model), torch.no_grad():
        whole = seen(lambda: call(model, inputs))
        other = seen(lambda: call(model, others))
        with restored(model, device):
            hidden = run_to(model, cut, inputs).clone()
        halves = seen(lambda: run_from(model, cut, example, hidden))
    varies = {key: _varies(value, other.get(key)) for key, value in whole.items()}
    for key, spread in varies.items():
        if spread and not _distance(whole[key], halves.get(key)) <= max(
            PART * spread, AGREES * whole[key].unit
        ):
            where = "the output" if key == OUTPUT else f"what {key[0]!r} is given"
            return (
                f"Running f_b from {cut.key!r} on what arrives there does not give the model's "
                f"own output: {where} differs. Something passes by the cut that autograd does not "
                "record, such as a mask or values without gradients, or f_b is given a part of a "
                "tensor of which it also uses the rest. Cut at another layer."
            )
    return "" if varies[OUTPUT] else None


def _repeated(example: Any) -> Any:
    """Return a plain example with more rows, where they are small: a mask has few values there."""
    if not isinstance(example, Tensor):
        return example
    rows = max(len(example), min(ROWS, VALUES * len(example) // max(1, example.numel())))
    return example[torch.arange(rows, device=example.device) % len(example)]


OUTPUT = ("", 0)


@dataclass(frozen=True)
class _Values:
    """Some values of some tensors, and how far rounding may take them."""

    values: Tensor
    unit: float


def _seen(model: nn.Module, cut: Cut, run: Any) -> dict[tuple[str, int], _Values]:
    """Return what the weight layers after the cut were given while `run` ran, and its output."""
    found: dict[tuple[str, int], _Values] = {}
    counts: dict[str, int] = {}
    wanted = set(cut.later) - {(cut.name, cut.number)}  # there the two are equal anyway

    def watch(name: str) -> Any:
        def before(module: nn.Module, args: Any, kwargs: Any) -> None:
            counts[name] = counts.get(name, 0) + 1
            if (name, counts[name]) in wanted:
                found[name, counts[name]] = _sampled((args, kwargs))

        return before

    modules = module_names(model)
    with ExitStack() as stack:
        stack.enter_context(eager())
        for name in {name for name, _ in cut.later}:
            stack.enter_context(
                modules[name].register_forward_pre_hook(watch(name), with_kwargs=True)
            )
        found[OUTPUT] = _sampled(run())
    return found


def _sampled(value: Any) -> _Values:
    tensors = [tensor for tensor in tensors_in(value) if tensor.numel()]
    kinds = [tensor.dtype for tensor in tensors if continuous(tensor)]
    parts = [sample(tensor).reshape(-1) for tensor in tensors]
    values = torch.cat(parts) if parts else torch.zeros(1)
    eps = max((torch.finfo(kind).eps for kind in kinds), default=0.0)
    return _Values(values, eps * float(values.abs().max()))


def _distance(one: _Values, two: _Values | None) -> float:
    if two is None or one.values.shape != two.values.shape:
        return float("inf")
    return float((one.values - two.values).abs().max())


def _varies(one: _Values, two: _Values | None) -> float:
    """Return how far apart the values are, 0 if rounding may be the reason."""
    apart = _distance(one, two)
    return apart if apart > VARIES * one.unit else 0.0


class _Reached(Exception):
    """Stops a forward pass at the cut."""


@contextmanager
def _before(model: nn.Module, cut: Cut, action: Any) -> Iterator[None]:
    """Run `action(args, kwargs)` before the call at the cut, inside the block."""
    count = 0

    def before(module: nn.Module, args: Any, kwargs: Any) -> Any:
        nonlocal count
        count += 1
        return action(args, kwargs) if count == cut.number else None

    module = module_names(model)[cut.name]
    with eager(), module.register_forward_pre_hook(before, with_kwargs=True):
        yield


def _at(cut: Cut, args: Any, kwargs: Any) -> Tensor:
    found = list(tensors_in((args, kwargs)))
    if cut.index >= len(found):
        raise ValueError(
            f"{cut.key!r} is given {len(found)} tensors, so there is none to cut at. Cut at "
            "another layer."
        )
    return found[cut.index]


def _replaced(value: Any, old: Tensor, new: Tensor) -> Any:
    """Return a structure with one tensor exchanged."""
    return mapped(value, lambda tensor: new if tensor is old else tensor)
