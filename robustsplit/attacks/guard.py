"""Everything around an attack: the model is lent out, and comes back as it was.

Around the call, saved and restored on every exit: each module's mode, each parameter's
`requires_grad` and `.grad`, all buffers (BatchNorm's statistics), and torch's generators on the
CPU and the inputs' device (for foreign code, numpy's and Python's too). Inside: eval mode,
gradients on, inference mode and autocast off, parameters frozen. Afterwards the result's type,
shape, dtype, device, NaN, bounds and norm are checked, and that the model is unchanged.

It costs a batch a few reductions: parameters are compared by their version counters, and only
foreign code, which can write past these, is compared with a copy.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from robustsplit.attacks.logits import LogitModel, written
from robustsplit.network import unwrap
from robustsplit.network.models import refuse_inference

__all__ = ["AttackError", "run_guarded", "untouched"]

#: A perturbation may exceed eps by this part of it, and by rounding.
SLACK = 1e-6


class AttackError(RuntimeError):
    """An attack broke the rules: left the ball or bounds, returned NaN, changed the model."""


class Guarded(Protocol):
    """What the guard asks of an attack; `robustsplit.attacks.base.Attack` documents each."""

    @property
    def label(self) -> str: ...
    @property
    def eps(self) -> float | None: ...
    @property
    def norm(self) -> str: ...
    @property
    def bounds(self) -> tuple[float, float]: ...
    @property
    def foreign(self) -> bool: ...
    @property
    def perturbs(self) -> bool: ...

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor: ...


def run_guarded(
    attack: Guarded, model: nn.Module, inputs: Tensor, labels: Tensor, *, seed: int = 0
) -> Tensor:
    """Run an attack between all checks; `Attack.perturb` documents arguments and errors."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"`model` must be a torch.nn.Module, got {type(model).__name__}. Wrap a plain "
            "function in one."
        )
    with torch.inference_mode(False), torch.enable_grad():
        inputs, labels, label_range = _checked_inputs(inputs, labels, attack.bounds)
        if not attack.perturbs:
            return inputs.clone()
        # gradients of inputs need no synchronisation between processes, and a compiled model
        # would be compiled anew for each change of mode
        model = unwrap(model)
        refuse_inference(model)
        with (
            _seeded(inputs.device, seed, foreign=attack.foreign),
            torch.autocast(inputs.device.type, enabled=False),
            untouched(model, copy_parameters=attack.foreign) as lent,
        ):
            wrapped = LogitModel(model, label_range)
            wrapped.training = False
            generator = torch.Generator(inputs.device).manual_seed(seed)
            version = inputs._version
            perturbed = attack._perturb(wrapped, inputs, labels, generator)
            lent.check(attack.label)
            if inputs._version != version:
                raise AttackError(f"{attack.label} changed its inputs in place; copy them first.")
            return _checked_output(perturbed, inputs, attack)


def _checked_inputs(
    inputs: Tensor, labels: Tensor, bounds: tuple[float, float]
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Return detached inputs, int64 labels on their device, and the labels' range."""
    if not isinstance(inputs, Tensor) or not isinstance(labels, Tensor):
        raise TypeError(
            f"`inputs` and `labels` must be torch tensors, got {type(inputs).__name__} and "
            f"{type(labels).__name__}. Convert arrays with torch.as_tensor."
        )
    if not inputs.is_floating_point():
        hint = " Scale 8-bit images: x.float() / 255." if inputs.dtype == torch.uint8 else ""
        raise TypeError(f"`inputs` must be floating point, got {inputs.dtype}.{hint}")
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise ValueError(
            f"`inputs` must have shape (n, ...) with n >= 1, got {tuple(inputs.shape)}. For one "
            "input, pass x[None]."
        )
    if labels.is_floating_point() or labels.is_complex():
        raise TypeError(
            f"`labels` must be integers, got {labels.dtype}. For one-hot or soft labels pass "
            "labels.argmax(1)."
        )
    if labels.shape != inputs.shape[:1]:
        raise ValueError(
            f"`labels` must have shape ({len(inputs)},), one class per input, got "
            f"{tuple(labels.shape)}."
            + (" For one-hot labels pass labels.argmax(1)." if labels.ndim == 2 else "")
        )
    inputs = inputs.clone() if inputs.is_inference() else inputs.detach()
    labels = labels.detach().to(inputs.device, torch.int64)
    labels = labels.clone() if labels.is_inference() else labels
    low, high = _floats(*torch.aminmax(inputs))
    first, last = torch.stack(torch.aminmax(labels)).tolist()
    rounding = _rounding(inputs.dtype, bounds)
    if not (low >= bounds[0] - rounding and high <= bounds[1] + rounding):
        raise ValueError(_out_of_bounds(low, high, bounds))
    return inputs, labels, (int(first), int(last))


def _out_of_bounds(low: float, high: float, bounds: tuple[float, float]) -> str:
    """Say how to scale inputs that lie in [low, high]."""
    if low != low or high != high:
        return "`inputs` contain NaN. Remove or repair these inputs before attacking."
    if low >= 0 and 1.5 < high <= 255 and bounds == (0, 1):
        fix = "They look like 8-bit images: divide by 255."
    else:
        fix = (
            "If they were normalised, undo it and attack robustsplit.NormalizedModel(model, mean, "
            "std); or rescale; or give the attack bounds=(low, high) and an eps in the same units."
        )
    return (
        f"`inputs` lie in [{low:.4g}, {high:.4g}], outside the bounds "
        f"[{bounds[0]:g}, {bounds[1]:g}]. {fix}"
    )


def _checked_output(perturbed: Any, inputs: Tensor, attack: Guarded) -> Tensor:
    """Return the perturbed inputs if they are what an attack may return."""
    label = attack.label
    if not isinstance(perturbed, Tensor):
        raise AttackError(
            f"{label} returned a {type(perturbed).__name__}, expected one tensor like the inputs. "
            "Return only the perturbed inputs."
        )
    for what in ("shape", "dtype", "device"):
        got, expected = getattr(perturbed, what), getattr(inputs, what)
        if got != expected:
            raise AttackError(f"{label} returned {what} {got}, expected the inputs' {expected}.")
    perturbed = perturbed.detach()
    if attack.foreign and perturbed.data_ptr() == inputs.data_ptr():
        perturbed = perturbed.clone()
    delta = perturbed - inputs
    if attack.norm == "linf":
        size, rounding = delta.abs().amax(), _rounding(inputs.dtype, attack.bounds)
    else:
        size = torch.linalg.vector_norm(delta.flatten(1), dim=1).amax()
        rounding = _rounding(inputs.dtype, attack.bounds) * inputs[0].numel() ** 0.5
    low, high, reach = _floats(*torch.aminmax(perturbed), size)
    slack = _rounding(inputs.dtype, attack.bounds)
    if low != low or high != high:
        raise AttackError(
            f"{label} returned NaN in {_bad_rows(perturbed)} of {len(inputs)} inputs."
        )
    if low < attack.bounds[0] - slack or high > attack.bounds[1] + slack:
        raise AttackError(
            f"{label} returned values in [{low:.6g}, {high:.6g}], outside the bounds "
            f"{attack.bounds}. Clip the result to them."
        )
    if attack.eps is not None and reach > attack.eps * (1 + SLACK) + rounding:
        raise AttackError(
            f"{label} moved an input by {reach:.6g} in the {attack.norm} norm, more than eps = "
            f"{attack.eps:.6g}. Project the result onto the ball, or state the eps it was run "
            "with."
        )
    return perturbed


def _bad_rows(perturbed: Tensor) -> int:
    return int(perturbed.isnan().flatten(1).any(dim=1).sum())


def _rounding(dtype: torch.dtype, bounds: tuple[float, float]) -> float:
    """Return two units in the last place at the larger bound: what x0 + (x - x0) may be off by."""
    return 2 * torch.finfo(dtype).eps * max(abs(bounds[0]), abs(bounds[1]))


def _floats(*values: Tensor) -> list[float]:
    """Return scalars as Python numbers in one transfer from the device."""
    return torch.stack(values).tolist()


@contextlib.contextmanager
def _seeded(device: torch.device, seed: int, *, foreign: bool) -> Iterator[None]:
    """Seed the global generators, which models and libraries may draw from, for the block."""
    accelerator = None if device.type == "cpu" else getattr(torch, device.type, None)
    where = (device,) if device.type in {"cuda", "xpu"} else ()
    states: list[tuple[Callable[..., Any], tuple[Any, ...]]]
    states = [(torch.set_rng_state, (torch.get_rng_state(),))]
    if accelerator is not None:
        states.append((accelerator.set_rng_state, (accelerator.get_rng_state(*where), *where)))
    if foreign:
        # numpy's and Python's global generators: not ours to use, but libraries do
        states.append((random.setstate, (random.getstate(),)))
        states.append((np.random.set_state, (np.random.get_state(),)))  # noqa: NPY002
    try:
        torch.default_generator.manual_seed(seed)
        if accelerator is not None:
            with accelerator.device(device) if where else contextlib.nullcontext():
                accelerator.manual_seed(seed)
        if foreign:
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
        yield
    finally:
        for restore, arguments in states:
            restore(*arguments)


class _Lent:
    """A model's state at the start of an attack."""

    def __init__(self, model: nn.Module, *, copy_parameters: bool) -> None:
        self.model = model
        self.modes = [(module, module.training) for module in model.modules()]
        self.parameters = list(model.named_parameters())
        self.gradients = [(p, p.requires_grad, p.grad) for _, p in self.parameters]
        self.versions = [written(p) for _, p in self.parameters]
        self.copies = [p.detach().clone() for _, p in self.parameters] if copy_parameters else []
        self.buffers = list(model.named_buffers())
        self.groups = _grouped([buffer for _, buffer in self.buffers])

    def prepare(self) -> None:
        """Set eval mode and freeze the parameters."""
        # One by one: exported programs refuse `eval()`, and some models merge weights in it.
        for module, _ in self.modes:
            module.training = False
        for parameter, wanted, gradient in self.gradients:
            if wanted:
                parameter.requires_grad_(False)
            if gradient is not None:
                parameter.grad = None

    def check(self, label: str) -> None:
        """Raise if the attack changed the model's parameters, or (foreign code) its buffers."""
        now = dict(self.model.named_parameters())
        if list(now) != [name for name, _ in self.parameters] or any(
            now[name] is not p for name, p in self.parameters
        ):
            raise AttackError(
                f"{label} added, removed or replaced parameters of the model. Attack a copy: "
                "copy.deepcopy(model)."
            )
        if self.copies:
            changed = [
                name
                for (name, p), copy in zip(self.parameters, self.copies, strict=True)
                if not _same(p.detach(), copy)
            ]
            changed += [name for name, _, _ in self._changed_buffers()]
        else:
            changed = [
                name
                for (name, p), version in zip(self.parameters, self.versions, strict=True)
                if written(p) != version
            ]
        if changed:
            raise AttackError(
                f"{label} changed the model's {', '.join(changed[:5])}"
                + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")
                + (". It was put back. " if self.copies else ". ")
                + "An attack may only read the model (buffers change when it is put into "
                "train mode)."
            )

    def restore(self) -> None:
        """Put back mode, gradients, buffers and (foreign code) parameters."""
        for module, mode in self.modes:
            module.training = mode
        with torch.no_grad():
            for (_, parameter), copy in zip(self.parameters, self.copies, strict=False):
                if not _same(parameter.detach(), copy):
                    parameter.copy_(copy)
            for _, buffer, saved in self._changed_buffers():
                buffer.copy_(saved)
        for parameter, wanted, gradient in self.gradients:
            if parameter.requires_grad is not wanted:
                parameter.requires_grad_(wanted)
            parameter.grad = gradient

    def _changed_buffers(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Yield name, buffer and saved values of the buffers that differ now."""
        names = {id(buffer): name for name, buffer in self.buffers}
        for buffers, saved in self.groups:
            if _same(torch.cat([buffer.detach().reshape(-1) for buffer in buffers]), saved):
                continue
            values = saved.split([buffer.numel() for buffer in buffers])
            for buffer, value in zip(buffers, values, strict=True):
                if not _same(buffer.detach().reshape(-1), value):
                    yield names[id(buffer)], buffer, value.reshape(buffer.shape)


@contextlib.contextmanager
def untouched(model: nn.Module, *, copy_parameters: bool = False) -> Iterator[_Lent]:
    """Lend `model` in eval mode with frozen parameters; put everything back on any exit.

    Args:
        model: The module to lend.
        copy_parameters: Keep a copy of all parameters too, for code that is not trusted to leave
            them alone.

    Yields:
        A record whose ``check(label)`` raises `AttackError` if the model was changed.
    """
    lent = _Lent(model, copy_parameters=copy_parameters)
    try:
        lent.prepare()
        yield lent
    finally:
        lent.restore()


def _grouped(buffers: list[Tensor]) -> list[tuple[list[Tensor], Tensor]]:
    """Return the buffers by dtype and device, each group with its values in one flat copy."""
    groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
    for buffer in buffers:
        groups.setdefault((buffer.dtype, buffer.device), []).append(buffer)
    return [
        (group, torch.cat([buffer.detach().reshape(-1) for buffer in group]))
        for group in groups.values()
    ]


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors hold the same values; NaN equals NaN."""
    return torch.equal(a, b) or bool(torch.isclose(a, b, rtol=0, atol=0, equal_nan=True).all())
