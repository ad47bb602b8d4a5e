"""AutoAttack (Croce and Hein 2020, arXiv:2003.01690), run by pyautoattack or the upstream package.

Standard: APGD on cross-entropy (100 steps), APGD on the targeted DLR loss and FAB-T (9 targets x
100), Square (5,000 queries); each works on what its predecessors left, and the result is the worst
case of the four. Nothing is re-implemented here: the result equals the package's own bit for bit.
What is added is the number of classes, inputs that are no images, and the guard.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mitools.samples.messages import MissingExtraError, require, unknown
from robustsplit.attacks.base import NORM_NAMES, Attack, Norm, in_255ths
from robustsplit.attacks.pgd import PGD

__all__ = ["AutoAttack", "Plan"]

Version = Literal["standard", "plus", "rand"]

MEMBERS = ("apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square")

#: The reference's number of target classes; with K classes there are only K - 1.
TARGETS = 9

#: Square needs this many pixels each way in the L2 norm: its tiles are a fifth of the height.
SQUARE_L2_SIDE = 5


@dataclass(frozen=True)
class Plan:
    """What AutoAttack does for a number of classes.

    Attributes:
        title: What results call it; it contains "standard" only if it is the standard attack.
        version: The package's version to run, "custom" when members are listed.
        members: The attacks, in order.
        targets: Target classes per input of the targeted members.
        margin_pgd: Whether PGD on the margin loss follows, in place of the members that need more
            classes.
        reason: Why it is not the standard attack; empty if it is.
    """

    title: str
    version: str
    members: tuple[str, ...]
    targets: int
    margin_pgd: bool = False
    reason: str = ""


@dataclass(frozen=True)
class AutoAttack(Attack):
    """The standard ensemble, for evaluation; on a robust network some 300 times PGD-10's cost.

    With 2 or 3 classes the DLR losses do not exist: APGD-CE, FAB, Square and PGD on the margin run
    instead, with a warning, and the result is not called standard. With 4 to 9 classes all K - 1
    targets are used. Inputs of shape (n, d) are attacked as images of one row. The computation is
    in float32.

    Attributes:
        eps: Radius of the ball, in units of the inputs.
        norm: "linf" or "l2".
        version: "standard", "plus" (more restarts, untargeted too) or "rand" (randomised
            defences).
        attacks: Names of single members to run instead, such as ``("apgd-ce", "square")``.
        queries: Square's queries; other than 5,000 is not standard.
        bounds: Only (0, 1): the packages clip to it.
    """

    name: ClassVar[str] = "autoattack"
    foreign: ClassVar[bool] = True

    eps: float = 8 / 255
    norm: Norm = "linf"
    version: Version = "standard"
    attacks: tuple[str, ...] | None = None
    queries: int = 5000
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        self._check_budget()
        self._check_positive(queries=self.queries)
        if tuple(self.bounds) != (0, 1):
            raise ValueError(
                f"AutoAttack clips to [0, 1]; got bounds={self.bounds}. Rescale the inputs and "
                "make the inverse the model's first layer."
            )
        if self.version not in ("standard", "plus", "rand"):
            raise ValueError(
                unknown("version of AutoAttack", self.version, ("standard", "plus", "rand"))
            )
        for member in self.attacks or ():
            if member not in MEMBERS:
                raise ValueError(unknown("member of AutoAttack", member, MEMBERS))
        if self.attacks is not None and not self.attacks:
            raise ValueError("`attacks` is empty; pass None for the standard ensemble.")

    @property
    def label(self) -> str:
        """Version and ball; "standard" is said by `plan`, which knows the number of classes."""
        title = self.plan(10).title.removesuffix(" standard")
        return f"{title} ({NORM_NAMES[self.norm]}, eps {in_255ths(self.eps)})"

    def plan(self, n_classes: int, shape: tuple[int, ...] | None = None) -> Plan:
        """Return what runs for a number of classes and a shape of the inputs.

        Args:
            n_classes: K, the number of logits.
            shape: Shape of one input, without the batch; None takes it to be large enough.

        Returns:
            The plan; its `reason` says why it is not the standard attack.

        Example:
            >>> AutoAttack().plan(10).title, AutoAttack().plan(3).title
            ('AutoAttack standard', 'AutoAttack reduced (apgd-ce, fab, square, margin PGD)')
        """
        targets = min(TARGETS, n_classes - 1)
        whole = {
            "standard": ("apgd-ce", "apgd-t", "fab-t", "square"),
            "plus": ("apgd-ce", "apgd-dlr", "fab", "square", "apgd-t", "fab-t"),
            "rand": ("apgd-ce", "apgd-dlr"),
        }
        members, version, reason = self.attacks or whole[self.version], self.version, ""
        if self.attacks is not None:
            reason = "members were chosen by hand"
        needed = {"apgd-dlr": 3, "apgd-t": 4, "fab-t": 4}
        missing = [member for member in members if n_classes < needed.get(member, 2)]
        if missing:
            reason = f"{' and '.join(missing)} cannot run with {n_classes} classes"
            kept = tuple(member for member in members if member not in missing)
            members = kept if self.attacks else ("apgd-ce", "fab", "square")
        if self.norm == "l2" and "square" in members and not _square_fits(shape):
            reason = f"Square needs {SQUARE_L2_SIDE} pixels each way in L2"
            members = tuple(member for member in members if member != "square")
        if not reason and self.queries != 5000 and "square" in members:
            reason = f"Square has {self.queries} queries instead of 5000"
        if not reason:
            return Plan(f"AutoAttack {version}", version, members, targets)
        listed = (*members, "margin PGD") if missing else members
        title = f"AutoAttack reduced ({', '.join(listed)})"
        return Plan(title, "custom", members, targets, bool(missing), reason)

    @staticmethod
    def backend() -> str:
        """Return name and version of the package that runs, such as ``pyautoattack 0.2.0``."""
        name = _backend().__name__.partition(".")[0]
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            return f"{name} (version unknown)"

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        with torch.no_grad():
            n_classes = model(inputs[:1] if len(inputs) > 1 else inputs).shape[1]
        plan = self.plan(n_classes, tuple(inputs.shape[1:]))
        if plan.reason and self.attacks is None:
            warnings.warn(
                f"This is not standard AutoAttack: {plan.reason}. Running {plan.title}.",
                stacklevel=2,
            )
        images = _as_images(inputs).to(torch.float32)
        adapted = _Adapter(model, inputs)
        with _tracing_kept():
            found = self._run(plan, adapted, images, labels, generator.initial_seed())
        found = found.reshape(inputs.shape).to(inputs.dtype)
        if inputs.dtype != torch.float32:
            found = _back_into_ball(found, inputs, self.eps, self.norm)
        if plan.margin_pgd:
            found = self._margin_pgd(model, inputs, labels, found, generator)
        return found

    def _run(
        self, plan: Plan, model: nn.Module, images: Tensor, labels: Tensor, seed: int
    ) -> Tensor:
        """Run the package on images (n, c, h, w)."""
        package = _backend()
        upstream = package.__name__.partition(".")[0] == "autoattack"
        members = list(plan.members) if plan.version == "custom" else None
        keywords: dict[str, Any] = {
            "norm": NORM_NAMES[self.norm],
            "eps": self.eps,
            "seed": seed,
            "version": plan.version,
            "device": images.device,
        }
        if upstream:
            runner = package.AutoAttack(
                model, attacks_to_run=members or [], verbose=False, **keywords
            )
        else:
            runner = package.AutoAttack(model, attacks=members, **keywords)
        runner.apgd_targeted.n_target_classes = runner.fab.n_target_classes = plan.targets
        runner.square.n_queries = self.queries
        evaluate: Callable[..., Any] = runner.run_standard_evaluation
        if upstream:
            return evaluate(images, labels, bs=len(images))
        return evaluate(images, labels, batch_size=len(images))[0]

    def _margin_pgd(
        self,
        model: nn.Module,
        inputs: Tensor,
        labels: Tensor,
        found: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Attack what is still right with 100 PGD steps on the margin."""
        with torch.no_grad():
            right = model(found).argmax(dim=1) == labels
        if self.eps == 0 or not bool(right.any()):
            return found
        pgd = PGD(self.eps, self.eps / 10, 100, norm=self.norm, loss="margin", bounds=self.bounds)
        found = found.clone()
        found[right] = pgd._perturb(model, inputs[right], labels[right], generator)
        return found


class _Adapter(nn.Module):
    """Show a model of any input shape and dtype as one of float32 images."""

    def __init__(self, model: nn.Module, inputs: Tensor) -> None:
        super().__init__()
        self.model, self.shape, self.dtype = model, inputs.shape[1:], inputs.dtype
        self.training = False

    def forward(self, images: Tensor) -> Tensor:
        logits = self.model(images.reshape(-1, *self.shape).to(self.dtype))
        return logits.to(torch.float32)


def _as_images(inputs: Tensor) -> Tensor:
    """Return inputs as (n, c, h, w): rows of features become one-row images."""
    if inputs.ndim == 4:
        return inputs
    if inputs.ndim == 2:
        return inputs[:, None, None, :]
    if inputs.ndim == 3:
        return inputs[:, :, None, :]
    raise ValueError(
        "AutoAttack takes inputs of shape (n, d), (n, c, l) or (n, c, h, w), got "
        f"{tuple(inputs.shape)}. Wrap the model so that it reshapes images itself, or use PGD."
    )


def _square_fits(shape: tuple[int, ...] | None) -> bool:
    return shape is None or (len(shape) == 3 and min(shape[1:]) >= SQUARE_L2_SIDE)


def _back_into_ball(found: Tensor, inputs: Tensor, eps: float, norm: Norm) -> Tensor:
    """Undo what rounding to float32 added to the distance."""
    delta = found - inputs
    if norm == "linf":
        delta = delta.clamp(-eps, eps)
    else:
        length = delta.flatten(1).norm(dim=1).clamp(min=torch.finfo(delta.dtype).tiny)
        delta = delta * (eps / length).clamp(max=1).reshape(-1, *[1] * (delta.ndim - 1))
    return (inputs + delta).clamp(0, 1)


def _backend() -> Any:
    """Return pyautoattack, or the upstream package if only that is there."""
    try:
        return require("pyautoattack", extra="autoattack", purpose="AutoAttack")
    except MissingExtraError:
        try:
            return importlib.import_module("autoattack")
        except ImportError:
            pass
        raise


@contextlib.contextmanager
def _tracing_kept() -> Iterator[None]:
    """Put back a debugger's trace function, which the package's check of the model drops."""
    trace = sys.gettrace()
    try:
        yield
    finally:
        sys.settrace(trace)
