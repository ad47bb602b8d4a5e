"""Keep the first part of a network as it is while the rest is trained, and prove it afterwards.

`requires_grad = False` alone does not: batch normalisation moves its statistics on every training
pass (a frozen ResNet18 half drifted by 64 % in 15 steps), and `model.train()` at the start of each
epoch puts it back into that mode.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

from torch import Tensor, nn

from robustsplit.network.hashing import hash_tensors, kind_of

__all__ = ["Freeze", "FrozenDriftError", "frozen"]


class FrozenDriftError(RuntimeError):
    """Something in the frozen part changed; the message names it."""


class Freeze:
    """What was frozen, and how it looked then.

    Attributes:
        fingerprint: SHA-256 over the names, types, shapes and bytes of every frozen parameter and
            buffer, as 64 hexadecimal digits.
    """

    def __init__(self, tensors: Mapping[str, Tensor], modules: Mapping[str, nn.Module]) -> None:
        self._tensors, self._modules = tensors, modules
        self._digests = _digests(tensors)
        self.fingerprint = _combined(self._digests)

    def check(self) -> str:
        """Raise unless every frozen tensor has the bytes it had, and every module is in eval mode.

        Returns:
            The fingerprint, computed afresh.

        Raises:
            FrozenDriftError: Naming the tensors that moved, or the modules in train mode.
        """
        now = _digests(self._tensors)
        moved = [name for name, digest in now.items() if digest != self._digests[name]]
        if moved:
            raise FrozenDriftError(
                f"{len(moved)} of {len(now)} frozen tensors changed: {_listed(moved)}. Build the "
                "optimizer from `split.trainable()` only, and train inside `split.frozen()`, "
                "which keeps the frozen part in eval mode."
            )
        training = [name for name, module in self._modules.items() if module.training]
        if training:
            raise FrozenDriftError(
                f"{len(training)} frozen modules are in train mode: {_listed(training)}. Their "
                "flag was set by hand; `model.train()` leaves them in eval mode."
            )
        return _combined(now)

    def __repr__(self) -> str:
        return f"Freeze({len(self._tensors)} tensors, fingerprint={self.fingerprint[:12]}...)"


@contextmanager
def frozen(
    parameters: Sequence[nn.Parameter],
    tensors: Mapping[str, Tensor],
    modules: Mapping[str, nn.Module],
) -> Iterator[Freeze]:
    """Freeze parameters and hold modules in eval mode; give everything back on exit.

    Args:
        parameters: What must not receive gradients.
        tensors: What must not change, by name: these parameters, and buffers.
        modules: What must stay in eval mode, by name.

    Yields:
        The `Freeze` to check against.
    """
    found = [(p, p.requires_grad, p.grad) for p in parameters]
    flags = [(m, m.training, m.__dict__.get("train")) for m in modules.values()]
    try:
        for parameter, _, _ in found:
            parameter.requires_grad_(False)
            parameter.grad = None  # with a stale one, SGD with momentum or decay would move it
        for module, _, before in flags:
            module.training = False
            # On the instance, since hooks added after torch.compile are not seen by compiled code.
            module.__dict__["train"] = _StayInEval(module, before)
        yield Freeze(tensors, modules)
    finally:
        for module, flag, override in flags:
            module.__dict__.pop("train", None)
            if override is not None:
                module.__dict__["train"] = override
            module.training = flag
        for parameter, flag, gradient in found:
            parameter.requires_grad_(flag)
            parameter.grad = gradient


class _StayInEval:
    """Takes the place of `module.train` while a module is held.

    A copy made meanwhile (the best network so far, an average of weights) is an ordinary model:
    its `train()` works, and takes this away.
    """

    def __init__(self, module: nn.Module, before: Any) -> None:
        self.module, self.before, self.holds = module, before, True

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "holds": False}  # for copies and pickles

    def __call__(self, mode: bool = True) -> nn.Module:
        if not self.holds:
            self.module.__dict__.pop("train", None)
            if self.before is not None:
                self.module.__dict__["train"] = self.before
            return self.module.train(mode)
        self.module.training = False
        return self.module


def _digests(tensors: Mapping[str, Tensor]) -> dict[str, bytes]:
    """Return a SHA-256 per tensor, over type, shape and bytes."""
    return {
        name: hash_tensors([(f"{kind_of(tensor)} ", tensor)]).digest()
        for name, tensor in tensors.items()
    }


def _combined(digests: Mapping[str, bytes]) -> str:
    total = sha256()
    for name in sorted(digests):
        total.update(name.encode() + b"\0" + digests[name])
    return total.hexdigest()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more
