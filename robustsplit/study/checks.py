"""What is refused before a study computes anything: settings that do not go together."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from robustsplit.loading import normalized
from robustsplit.network import Split
from robustsplit.study.config import Config, ConfigError
from robustsplit.study.inputs import as_attack

__all__ = ["check", "refuse_equal"]


def check(config: Config) -> None:
    """Refuse settings that are possible one by one and not together.

    Args:
        config: The study.

    Raises:
        ConfigError: With the key, and what to write instead.
    """
    if not config.split.last and not config.split.at:
        raise ConfigError(
            "`split`: name at least one cut, such as last = [2] or at = ['fc1'] under [split]."
        )
    if config.algorithm1.epochs < 1:
        raise ConfigError(
            f"`algorithm1.epochs` must be at least 1, got {config.algorithm1.epochs}."
        )
    if config.data.source != "digits" and not config.data.path:
        raise ConfigError(f"`data.path` is needed for data.source = {config.data.source!r}.")
    for where, attack in (("attack", config.attack), ("robust.attack", config.robust.attack)):
        if attack.name:
            try:
                as_attack(attack)
            except (ValueError, TypeError) as error:
                raise ConfigError(f"[{where}]: {error}") from error
    try:
        normalized(nn.Identity(), config.data.mean, config.data.std)
    except ValueError as error:
        raise ConfigError(f"[data]: {error}") from error
    try:
        config.mi.measurement()
    except (ValueError, TypeError) as error:
        raise ConfigError(f"`mi.estimator`: {error}") from error


def refuse_equal(cuts: Sequence[Split]) -> None:
    """Raise for two cuts of one name: tables and figures would mix them up."""
    for number, cut in enumerate(cuts):
        for other in cuts[:number]:
            if other.f_b == cut.f_b:
                raise ConfigError(
                    f"`split`: the cuts at {other.at!r} and at {cut.at!r} are the same, the "
                    f"{cut.name}. Name each cut once under `last` or `at`."
                )
