"""What every attack takes and gives: `Attack`, its clean and foreign forms, and `as_attack`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, final

import torch
from torch import Tensor, nn

from mitools.samples.messages import unknown
from robustsplit.attacks.guard import run_guarded

__all__ = ["Attack", "CallableAttack", "Clean", "Norm", "as_attack"]

Norm = Literal["linf", "l2"]

#: What the norms are called where people read them.
NORM_NAMES = {"linf": "Linf", "l2": "L2"}


class Attack(ABC):
    """Settings of an attack. Subclasses are frozen dataclasses and implement `_perturb` only.

    Attributes:
        name: How configurations call it.
        eps: Radius of the ball around each input, in units of the inputs; None for unbounded.
        norm: Which norm measures the radius.
        bounds: Least and largest value an input may have.
    """

    name: ClassVar[str]
    #: Whether the code that runs is somebody else's: the guard then keeps a copy of the
    #: parameters.
    foreign: ClassVar[bool] = False
    #: Whether it changes inputs at all.
    perturbs: ClassVar[bool] = True

    eps: float | None
    norm: Norm
    bounds: tuple[float, float]

    @final
    def perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, *, seed: int = 0
    ) -> Tensor:
        """Return adversarial inputs in the ball and the bounds; leave the model as it was.

        The attack sees the model in eval mode, whatever the caller's mode, and works inside
        `no_grad`, `inference_mode` and autocast. See `robustsplit.attacks.guard` for what is saved
        and checked.

        Args:
            model: A classifier that returns logits, shape (n, K); one logit is taken as two
                classes.
            inputs: Clean inputs inside the bounds, shape (n, ...), floating point.
            labels: Their right classes, integers with shape (n,).
            seed: Seed of everything random in this call; same seed, settings and device, same
                bits.

        Returns:
            A new tensor like `inputs`, without gradient.

        Raises:
            TypeError: For inputs, labels or model outputs of a wrong kind.
            ValueError: For inputs outside the bounds, labels outside the logits, NaN.
            AttackError: When the attack leaves the ball or the bounds, returns NaN or another
                shape, or changes the model.
        """
        return run_guarded(self, model, inputs, labels, seed=seed)

    @abstractmethod
    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return adversarial inputs for a model in eval mode that returns logits (n, K)."""

    def describe(self) -> dict[str, Any]:
        """Return name and settings as JSON can hold them; `attack_from_config` reads them back."""
        settings = asdict(self)  # type: ignore[call-overload]
        return {"name": self.name} | {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in settings.items()
        }

    @property
    def label(self) -> str:
        """The attack in words, such as ``PGD (Linf, eps 8/255, 10 steps)``."""
        parts = [] if self.eps is None else [NORM_NAMES[self.norm], f"eps {in_255ths(self.eps)}"]
        if (steps := getattr(self, "steps", None)) is not None:
            parts.append(f"{steps} steps")
        return type(self).__name__ + (f" ({', '.join(parts)})" if parts else "")

    def _check_budget(self) -> None:
        """Raise for an impossible ball; subclasses call it after construction."""
        if self.norm not in NORM_NAMES:
            raise ValueError(unknown("norm", self.norm, NORM_NAMES))
        low, high = self.bounds
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(
                f"`bounds` must be (low, high) with low < high, got {self.bounds}. "
                "Images in [0, 1] have (0, 1)."
            )
        if self.eps is None:
            return
        if not (math.isfinite(self.eps) and self.eps >= 0):
            raise ValueError(
                f"`eps` must be a number >= 0 in units of the inputs, got {self.eps}. A common "
                "value is 8/255."
            )
        if self.norm == "linf" and self.eps > high - low:
            hint = f"{self.eps:g}/255" if (low, high) == (0, 1) else "a part of that width"
            raise ValueError(
                f"`eps` is {self.eps:g}, wider than the bounds {self.bounds}: any input could "
                f"become any other. It is in units of the inputs; perhaps {hint} was meant."
            )

    def _check_positive(self, **settings: float) -> None:
        """Raise for step counts below 1 and for sizes that are not positive."""
        for key, value in settings.items():
            whole = key in {"steps", "restarts", "search_steps", "queries"}
            if whole and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ValueError(f"`{key}` must be a whole number >= 1, got {value!r}.")
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"`{key}` must be a positive number, got {value!r}.")


@dataclass(frozen=True)
class Clean(Attack):
    """No attack: the inputs as they are, checked like any attack's."""

    name: ClassVar[str] = "clean"
    perturbs: ClassVar[bool] = False

    bounds: tuple[float, float] = (0.0, 1.0)
    eps: ClassVar[float] = 0.0  # type: ignore[misc]
    norm: ClassVar[Norm] = "linf"  # type: ignore[misc]

    def __post_init__(self) -> None:
        self._check_budget()

    @property
    def label(self) -> str:
        """The word "clean"."""
        return "clean"

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        return inputs.clone()


@dataclass(frozen=True)
class CallableAttack(Attack):
    """Anybody's attack inside the guard: ``function(model, inputs, labels)`` returns inputs.

    The function gets the unwrapped model in eval mode (or a `LogitModel` around it, when its
    output is no plain tensor of logits), a copy of the inputs, and global generators seeded from
    the call's seed.

    Attributes:
        function: The attack.
        eps: Radius the guard holds it to; None: the norm is not checked.
        norm: Norm of that radius.
        bounds: Values the result must lie in.
        title: What results call it; by default the function's name.
    """

    name: ClassVar[str] = "callable"
    foreign: ClassVar[bool] = True

    function: Callable[[nn.Module, Tensor, Tensor], Tensor]
    eps: float | None = None
    norm: Norm = "linf"
    bounds: tuple[float, float] = (0.0, 1.0)
    title: str = ""

    def __post_init__(self) -> None:
        self._check_budget()
        if not self.title:
            named = getattr(self.function, "__qualname__", type(self.function).__qualname__)
            object.__setattr__(self, "title", named)

    @property
    def label(self) -> str:
        """The title and the ball."""
        ball = (
            "unbounded"
            if self.eps is None
            else f"{NORM_NAMES[self.norm]}, eps {in_255ths(self.eps)}"
        )
        return f"{self.title} ({ball})"

    def describe(self) -> dict[str, Any]:
        """Return title and ball; the function itself cannot be written down."""
        return {
            "name": self.name,
            "title": self.title,
            "eps": self.eps,
            "norm": self.norm,
            "bounds": list(self.bounds),
        }

    def _perturb(
        self, model: nn.Module, inputs: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        with torch.no_grad():
            model(inputs)  # finds out what the output is, and checks it
        chosen = model.module if getattr(model, "plain", False) else model
        return self.function(chosen, inputs.clone(), labels.clone())  # type: ignore[arg-type]


def as_attack(
    thing: Attack | Callable[[nn.Module, Tensor, Tensor], Tensor] | None,
    *,
    eps: float | None = None,
    norm: Norm = "linf",
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Attack:
    """Return `thing` as an `Attack`, so that it runs inside the guard.

    Args:
        thing: An `Attack` (returned as it is), a function of (model, inputs, labels), or None for
            clean inputs.
        eps: For a function: the radius it must keep; None leaves the norm unchecked.
        norm: For a function: the norm of that radius.
        bounds: For a function and None: the values inputs may have.

    Returns:
        `thing` itself, a `CallableAttack` around the function, or `Clean`.

    Raises:
        TypeError: For a class, a module, or anything that cannot be called.
        ValueError: For an `eps`, `norm` or `bounds` that cannot be.

    Example:
        >>> as_attack(lambda model, x, y: (x + 0.01).clamp(0, 1), eps=8 / 255).label
        '<lambda> (Linf, eps 8/255)'
    """
    if isinstance(thing, Attack):
        return thing
    if thing is None:
        return Clean(bounds=bounds)
    if isinstance(thing, type):
        raise TypeError(
            f"Got the class {thing.__name__}; pass an instance, such as {thing.__name__}()."
        )
    if isinstance(thing, nn.Module) or not callable(thing):
        raise TypeError(
            "An attack is an Attack, a function of (model, inputs, labels), or None; got "
            f"{type(thing).__name__}. "
            'For an attack by its name use paper_attack("pgd").'
        )
    return CallableAttack(thing, eps=eps, norm=norm, bounds=bounds)


def in_255ths(eps: float) -> str:
    """Return 0.03137 as ``8/255``, and what is no whole number of 255ths as it is."""
    steps = eps * 255
    return f"{steps:.0f}/255" if steps and abs(steps - round(steps)) < 1e-9 else f"{eps:g}"
