"""Estimators by text, for commands and configuration files: `parse_estimator("ksg:k=5+pca:4")`.

The grammar is ``name[:setting,...][+reduction:components[,setting...]]``, where a setting is
``name=value`` or the name of a preset:

=========================  ==============================================
``ksg``                    ``KSG()``
``ksg:k=5,variant=2``      ``KSG(k=5, variant=2)``
``edge``                   ``EDGE()``
``edge:semirobust``        ``EDGE.semirobust()``
``edge:released=4.4.1``    ``EDGE.released("4.4.1")``
``plugin:divergence=...``  ``PlugIn(divergence="chi-square")`` for ``chi-square``
``ksg+pca:4``              ``Reduced(KSG(), PCA(4))``
``edge+random:6,seed=1``   ``Reduced(EDGE(), RandomProjection(6, seed=1))``
``ksg+cca:2``              ``Reduced(KSG(), CCA(2))``
``ksg+pool:16``            ``Reduced(KSG(), Pooling(16))``
``ksg+pool:64x1x1,shape=64x8x8``  ``Reduced(KSG(), Pooling((64, 1, 1), shape=(64, 8, 8)))``
``auto``                   ``Auto()``
``copula``, ``gaussian``   ``GaussianCopula()``, ``Gaussian()``
``canonical``              ``Canonical()``
``labels``, ``mixed``      ``Labels()``, ``Mixed()``
``plugin``                 ``PlugIn()``
``sliced:base=edge``       ``Sliced(base=EDGE())``
``noisy:sigma=0.2``        ``NoisyBounds(sigma=0.2)``
``geometric``              ``Geometric()``
``infonce:epochs=40``      ``InfoNCE(training=Training(epochs=40))``
``mine``, ``smile``        ``MINE()``, ``SMILE()``
``learned:then=auto``      ``Learned(then=Auto())``
=========================  ==============================================
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from mitools import estimators
from mitools.estimators.base import MutualInformationEstimator
from mitools.estimators.cca import CCA
from mitools.estimators.reduction import PCA, Pooling, RandomProjection, Reduced, Reduction
from mitools.samples.messages import gone, unknown

__all__ = ["parse_estimator"]

#: Classes with a shorter text than their name.
SHORT: Mapping[str, str] = {"GaussianCopula": "copula", "NoisyBounds": "noisy"}

#: Classes among the estimators that no text makes: one needs its Z, one is no estimator.
OTHERS = {"ConditionalKSG", "Training"}

#: Texts by which estimators are asked for, and the names of their classes, imported only then.
ESTIMATORS: Mapping[str, str] = {
    SHORT.get(name, name.lower()): name
    for name in dir(estimators)
    if name[0].isupper() and name not in OTHERS
}

#: Class methods that make the estimator by themselves, such as EDGE.released("4.4.1").
PRESETS: Mapping[str, tuple[str, ...]] = {"edge": ("released", "semirobust")}

REDUCTIONS: Mapping[str, Callable[..., Reduction]] = {
    "pca": PCA,
    "random": RandomProjection,
    "pool": Pooling,
    "cca": CCA,
}


def parse_estimator(text: str) -> MutualInformationEstimator:
    """Return the estimator that `text` describes.

    Args:
        text: Such as ``"ksg:k=5"``, ``"edge:semirobust"`` or ``"ksg+pca:4"``; case does not
            matter.

    Returns:
        The estimator.

    Raises:
        ValueError: For an unknown name, setting or preset (with the nearest matches), or a bad
            value.

    Example:
        >>> from mitools import parse_estimator
        >>> parse_estimator("ksg:k=5")
        KSG(k=5)
    """
    described, plus, reduced = text.strip().partition("+")
    estimator = _estimator(described)
    return Reduced(estimator, _reduction(reduced)) if plus else estimator


def _estimator(text: str) -> MutualInformationEstimator:
    name, settings = _parts(text)
    if name not in ESTIMATORS:
        raise ValueError(unknown("estimator", name, ESTIMATORS))
    maker = getattr(estimators, ESTIMATORS[name])
    presets = PRESETS.get(name, ())
    for setting, value in settings:
        if setting in presets:
            if len(settings) > 1:
                raise ValueError(
                    f"{text!r}: the preset {setting!r} fixes every setting; give it alone."
                )
            arguments = () if value is None else (value,)
            return _made(text, getattr(maker, setting), arguments, {})
    named = _settings(name, maker, settings, presets)
    for inner in ("base", "then"):
        if isinstance(described := named.get(inner), str):
            named[inner] = _estimator(described)
    return _made(text, maker, (), named)


def _reduction(text: str) -> Reduction:
    name, settings = _parts(text)
    if name not in REDUCTIONS:
        raise ValueError(unknown("reduction", name, REDUCTIONS))
    positional = [setting for setting, value in settings[:1] if value is None]
    named = _settings(name, REDUCTIONS[name], settings[len(positional) :], ())
    if positional:
        named["n_components"] = _value(positional[0])
    if not isinstance(named.get("n_components"), int | tuple):
        raise ValueError(f"{text!r} must say how many components to keep, such as '{name}:4'.")
    reduction: Reduction = _made(text, REDUCTIONS[name], (), named)
    return reduction


def _parts(text: str) -> tuple[str, list[tuple[str, str | None]]]:
    """Split "name:a=1,b" into the name and [("a", "1"), ("b", None)]."""
    name, _, rest = text.strip().lower().partition(":")
    settings = []
    for item in filter(None, (piece.strip() for piece in rest.split(","))):
        setting, equals, value = item.partition("=")
        settings.append((setting.strip(), value.strip() if equals else None))
    return name.strip(), settings


def _settings(
    name: str, maker: Any, settings: list[tuple[str, str | None]], presets: Sequence[str]
) -> dict[str, Any]:
    """Return keyword arguments, each checked to be a setting of what `name` stands for."""
    known = [item.name for item in fields(maker) if item.init]
    known += getattr(maker, "SHORT_SETTINGS", ())
    for setting, value in settings:
        if setting not in known and (instead := gone(maker, setting)):
            raise ValueError(instead)
        if setting not in known:
            raise ValueError(unknown(f"setting of {name}", setting, [*known, *presets]))
        if value is None:
            raise ValueError(f"The setting {setting!r} of {name} needs a value: '{setting}=...'.")
    return {setting: _value(value or "") for setting, value in settings}


def _value(text: str) -> Any:
    """Return numbers, 2x3 as (2, 3), booleans and None as such, and everything else as text."""
    if re.fullmatch(r"\d+(x\d+)+", text):
        return tuple(int(each) for each in text.split("x"))
    try:
        return ast.literal_eval({"true": "True", "false": "False", "none": "None"}.get(text, text))
    except (SyntaxError, ValueError):
        return text


def _made(
    text: str, maker: Callable[..., Any], arguments: tuple[Any, ...], settings: dict[str, Any]
) -> Any:
    try:
        return maker(*arguments, **settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text.strip()!r} is not a usable setting: {error}") from error
