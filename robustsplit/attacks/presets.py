"""Attacks by name: the paper's settings, and any attack from a configuration table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from typing import Any

from mitools.samples.messages import unknown
from robustsplit.attacks.autoattack import AutoAttack
from robustsplit.attacks.base import Attack, Clean
from robustsplit.attacks.carlini_wagner import CW
from robustsplit.attacks.fgsm import FGSM
from robustsplit.attacks.ifgsm import IFGSM
from robustsplit.attacks.pgd import PGD

__all__ = ["ATTACKS", "attack_from_config", "paper_attack", "paper_steps"]

#: The attacks a configuration can name.
ATTACKS: Mapping[str, type[Attack]] = {
    attack.name: attack for attack in (Clean, FGSM, IFGSM, PGD, CW, AutoAttack)
}

#: Settings that may be written as fractions in text: "8/255".
FRACTIONS = {"eps", "step_size"}


def paper_attack(name: str, eps: float = 8 / 255) -> Attack:
    """Return an attack with the semirobust paper's settings.

    The iterated ones take steps of 1/255: 10, 20 and 36 of them for eps 8, 16 and 32 over 255. C&W
    is the published call: c = 1, 50 Adam steps of 0.01, no search over c, and no eps. AutoAttack
    is the standard one.

    Args:
        name: "clean", "fgsm", "ifgsm", "pgd", "cw" or "autoattack".
        eps: Linf radius for inputs in [0, 1].

    Returns:
        The attack.

    Raises:
        ValueError: For an unknown name (with the nearest), or an impossible eps.

    Example:
        >>> paper_attack("pgd", 16 / 255).label
        'PGD (Linf, eps 16/255, 20 steps)'
    """
    if name not in ATTACKS:
        raise ValueError(unknown("attack", name, ATTACKS))
    if name == "clean":
        return Clean()
    if name == "cw":
        return CW.published()
    if name == "fgsm":
        return FGSM(eps)
    if name == "autoattack":
        return AutoAttack(eps)
    iterated = IFGSM if name == "ifgsm" else PGD
    return iterated(eps=eps, step_size=1 / 255, steps=paper_steps(eps))


def paper_steps(eps: float) -> int:
    """Return how many steps of 1/255 the paper takes: ceil(min(e + 4, 1.25 e)) with e = 255 eps.

    This is the rule of Kurakin et al. (2017, section 2.2); at least 1.
    """
    e = round(255 * eps, 9)  # 32/255 * 255 need not be 32 in floating point
    return max(1, math.ceil(min(e + 4, 1.25 * e)))


def attack_from_config(config: Mapping[str, Any]) -> Attack:
    """Return the attack of a configuration table; reads back what `Attack.describe` wrote.

    Args:
        config: ``name`` and any of the attack's settings. For ``paper = true``, the paper's
            settings for ``name`` and ``eps``. Numbers may be written as fractions ("8/255").

    Returns:
        The attack.

    Raises:
        ValueError: For unknown names and keys (with the nearest), or impossible values.

    Example:
        >>> attack_from_config({"name": "pgd", "eps": "8/255", "steps": 20}).label
        'PGD (Linf, eps 8/255, 20 steps)'
    """
    settings = dict(config)
    name = settings.pop("name", None)
    if name is None:
        raise ValueError(f"An attack needs a `name`: one of {', '.join(ATTACKS)}.")
    if name not in ATTACKS:
        raise ValueError(unknown("attack", name, ATTACKS))
    paper = settings.pop("paper", False)
    known = ["eps"] if paper else [field.name for field in fields(ATTACKS[name])]  # type: ignore[arg-type]
    for key, value in settings.items():
        if key not in known:
            raise ValueError(unknown(f"setting of {name}", key, [*known, "name", "paper"]))
        if key in FRACTIONS and isinstance(value, str):
            settings[key] = _number(key, value)
        elif isinstance(value, list):
            settings[key] = tuple(value)
    return paper_attack(name, **settings) if paper else ATTACKS[name](**settings)


def _number(key: str, text: str) -> float:
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError) as error:
        raise ValueError(
            f'`{key}` must be a number or a fraction such as "8/255", got {text!r}.'
        ) from error
