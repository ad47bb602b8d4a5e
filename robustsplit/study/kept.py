"""Which settings the kept numbers belong to: an edited config.toml never stands over old numbers.

A run keeps its settings, and fingerprints of data and networks, beside the checkpoints and inside
every record of results. Whoever goes on with other settings is told the keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robustsplit.io import Store
from robustsplit.study.config import Config, ConfigError, differences, parse

__all__ = ["FREE", "Kept", "changed"]

#: Settings, or sections of them, that may differ when a run goes on: they say how results are
#: shown, which networks are measured besides, or where files are whose content has a fingerprint.
#: With other threads numbers may differ in their last digits; environment.json tells.
FREE = (
    *("name", "output", "mi.networks", "threads"),
    *("data.path", "model.weights", "model.robust_weights"),
)


class Kept:
    """Records of a run's results, each with the settings it was computed with.

    Args:
        store: Where they are kept.
        config: The settings now.
        folder: The run directory, for messages.

    Raises:
        ConfigError: When the run was begun with other settings; the message names the keys.
    """

    KEY = "settings"

    def __init__(self, store: Store, config: Config, folder: Path) -> None:
        self.store, self.config, self.folder = store, config, folder
        self.now: dict[str, Any] = {"config": config.to_dict(), "fixed": {}}
        self.began = store.load(self.KEY)
        if self.began is not None:
            self._refuse_settings(self.began["record"])

    def fix(self, fixed: Mapping[str, str]) -> None:
        """Say what the numbers depend on besides settings.

        Args:
            fixed: Fingerprints of data, network and weights, by name.

        Raises:
            ValueError: When the run was begun with others.
        """
        self.now["fixed"] = dict(fixed)
        if self.began is not None:
            self._refuse_fixed(self.began["record"])

    def begin(self) -> None:
        """Keep settings and fingerprints of this run, if it has just begun."""
        if self.began is None:
            self.store.save(self.KEY, {}, self.now)

    def once(self, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return a record that is kept, or do the work and keep what it returns.

        Args:
            key: The name of the record.
            work: Returns the record.

        Returns:
            The record.

        Raises:
            ConfigError: When what is kept was computed with other settings.
            ValueError: When it was computed from other data, or another network.
        """
        saved = self.store.load(key)
        if saved is not None and "computed_with" in saved["record"]:
            self._refuse_settings(saved["record"]["computed_with"])
            self._refuse_fixed(saved["record"]["computed_with"])
            return saved["record"]["result"]
        result = work()
        self.store.save(key, {}, {"computed_with": self.now, "result": result})
        return result

    def _refuse_settings(self, began: Mapping[str, Any]) -> None:
        keys = changed(began["config"], self.config)
        if keys:
            listed = "; ".join(keys[:6]) + (f"; and {len(keys) - 6} more" if keys[6:] else "")
            raise ConfigError(
                f"{self.folder / 'config.toml'} was changed since this run began, and what is "
                f"there was computed with the old settings: {listed}. Put the old values back, or "
                f"begin a run with the new ones: `robustsplit run {self.folder / 'config.toml'} "
                "--out NEW_FOLDER`."
            )

    def _refuse_fixed(self, began: Mapping[str, Any]) -> None:
        for name in dict.fromkeys([*began["fixed"], *self.now["fixed"]]):
            if began["fixed"].get(name) != self.now["fixed"].get(name):
                raise ValueError(
                    f"The {name} changed since this run began in {self.folder}, so the run cannot "
                    "be continued. Put the old version back, or begin a run in a new folder."
                )


def changed(began: Mapping[str, Any], config: Config) -> list[str]:
    """Return which settings that numbers depend on are no longer those of a run's beginning.

    Args:
        began: The settings at the beginning, as `Config.to_dict` gives them; settings that there
            were not then have their defaults.
        config: The settings now.

    Returns:
        A line for each, such as ``"mi.n_permutations: 5 -> 49"``.
    """
    lines = differences(parse(began, "the settings this run began with"), config)
    return [line for line in lines if not _free(line.partition(":")[0])]


def _free(key: str) -> bool:
    return any(key == name or key.startswith(f"{name}.") for name in FREE)
