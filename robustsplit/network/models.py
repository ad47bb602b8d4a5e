"""What can be asked of any torch model from outside: unwrapping, names, modes, nested tensors.

Everything here leaves a model as it was found.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = [
    "call",
    "canonical",
    "continuous",
    "eager",
    "eval_mode",
    "first_index",
    "first_tensor",
    "mapped",
    "module_names",
    "refusal",
    "refuse_inference",
    "tensors_in",
    "unwrap",
]

#: What torch says when a layer cannot take a tensor of that shape.
MISSHAPEN = re.compile(r"shape|size|channel|dimension", re.IGNORECASE)


def unwrap(model: nn.Module) -> nn.Module:
    """Return the module inside `torch.compile`, DataParallel and DistributedDataParallel.

    The wrappers share their parameters with it, so what is done to one is done to the other.

    Args:
        model: Any module, wrapped any number of times.

    Returns:
        The innermost module; `model` itself when it is not wrapped.
    """
    wrappers = (nn.DataParallel, nn.parallel.DistributedDataParallel)
    while True:
        if isinstance(model, wrappers):
            model = model.module
        elif is_compiled_wrapper(model):
            model = model._orig_mod  # type: ignore[assignment]
        else:
            return model


def is_compiled_wrapper(module: nn.Module) -> bool:
    """Whether `module` is what `torch.compile(module)` returns."""
    return isinstance(getattr(module, "_orig_mod", None), nn.Module)


def canonical(name: str) -> str:
    """Return a module's or tensor's name without the parts that `torch.compile` puts in."""
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def module_names(root: nn.Module) -> dict[str, nn.Module]:
    """Return every module of an unwrapped model by its canonical name (the root is "")."""
    return {
        canonical(name): module
        for name, module in root.named_modules()
        if not is_compiled_wrapper(module)
    }


def call(model: nn.Module, example: Any) -> Any:
    """Call a model with copies of an example: a tensor, a tuple of arguments, or keywords.

    Some models normalise in place, so what they are given must not be the caller's. Gradients flow
    through the copies.

    Args:
        model: The model.
        example: A tensor, a tuple or list of arguments, or a mapping of keywords.

    Returns:
        What the model returns.
    """
    example = mapped(example, Tensor.clone)
    if isinstance(example, Mapping):
        return model(**example)
    if isinstance(example, tuple | list):
        return model(*example)
    return model(example)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested tuples, lists, mappings and plain objects, in their order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from tensors_in(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from tensors_in(item)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from tensors_in(getattr(value, field.name))
    elif hasattr(value, "__dict__") and not isinstance(value, nn.Module | type):
        # One level: an output object holds its tensors, other objects may hold anything.
        yield from (item for item in vars(value).values() if isinstance(item, Tensor))


def mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return nested tuples, lists and mappings with every tensor replaced by `change` of it."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(mapped(item, change) for item in value))
    if isinstance(value, tuple | list):
        return type(value)(mapped(item, change) for item in value)
    if isinstance(value, dict):
        twin = copy(value)
        for key, item in value.items():
            twin[key] = mapped(item, change)
        return twin
    if isinstance(value, Mapping):
        return {key: mapped(item, change) for key, item in value.items()}
    return value


def continuous(tensor: Tensor) -> bool:
    """Whether a tensor holds real or complex numbers, which autograd can follow."""
    return tensor.is_floating_point() or tensor.is_complex()


def first_tensor(value: Any) -> Tensor | None:
    """Return the first real or complex tensor in a structure, else the first, else None."""
    found = list(tensors_in(value))
    return found[first_index(found)] if found else None


def first_index(tensors: Sequence[Tensor]) -> int:
    """Return the position of the first real or complex tensor, else 0."""
    return next((i for i, tensor in enumerate(tensors) if continuous(tensor)), 0)


def refuse_inference(root: nn.Module) -> None:
    """Raise for a model with tensors that autograd cannot record.

    Raises:
        ValueError: When a parameter or buffer was made inside `torch.inference_mode()`.
    """
    for name, tensor in (*root.named_parameters(), *root.named_buffers()):
        if tensor.is_inference():
            raise ValueError(
                f"{name!r} was made inside torch.inference_mode(), so autograd cannot record "
                "what depends on it. Build or load the model outside of it, or take "
                "copy.deepcopy(model) outside of it."
            )


@contextmanager
def eval_mode(root: nn.Module) -> Iterator[None]:
    """Put every module in eval mode, and give each its own flag back afterwards."""
    # Flags are set one by one: `train()` may be overridden, and mixed modes must survive.
    flags = [(module, module.training) for module in root.modules()]
    try:
        for module, _ in flags:
            module.training = False
        yield
    finally:
        for module, flag in flags:
            module.training = flag


def eager() -> AbstractContextManager[Any]:
    """Make compiled code run as plain Python, so that hooks added after compilation are seen."""
    if "torch._dynamo" not in sys.modules or not hasattr(torch.compiler, "set_stance"):
        return nullcontext()  # nothing was compiled, or torch < 2.6
    return torch.compiler.set_stance("force_eager")


def refusal(error: RuntimeError, module: nn.Module, inputs: Tensor) -> Exception:
    """Return what to raise for a failed forward pass: `error`, unless the inputs explain it.

    Args:
        error: What the pass raised.
        module: The model.
        inputs: What it was called with, batch axis first.

    Returns:
        A ValueError or TypeError that names the mismatch of device, dtype or shape.
    """
    first = next((p for p in module.parameters() if p.is_floating_point()), None)
    if first is not None and first.device != inputs.device:
        return ValueError(
            f"The model is on {first.device}, the inputs are on {inputs.device}. Move one of "
            f"them: inputs.to({str(first.device)!r})."
        )
    if first is not None and first.dtype != inputs.dtype and inputs.is_floating_point():
        return TypeError(
            f"The model's parameters are {first.dtype}, the inputs {inputs.dtype}. Convert one of "
            f"them: inputs.to({first.dtype})."
        )
    reason = str(error).strip().partition("\n")[0]
    if MISSHAPEN.search(reason):
        one = " x ".join(map(str, inputs.shape[1:]))
        return ValueError(
            f"The model does not take inputs of {one}: {reason}. Check their size and channels "
            "against those the model was made for; images of a folder can be resized (size=...) "
            "and read in grey (grayscale=True)."
        )
    return error
