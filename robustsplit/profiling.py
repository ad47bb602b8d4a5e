"""One network of the user's: scored, its layers measured, made into findings for the report."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from robustsplit.analysis import connectivity
from robustsplit.attacks import attack_from_config
from robustsplit.attacks.base import Clean
from robustsplit.data import ImageData
from robustsplit.loading import load_network
from robustsplit.measurement import Measurement
from robustsplit.normalization import normalised_by
from robustsplit.report.findings import Findings
from robustsplit.results import AccuracyRecord
from robustsplit.study.config import Config
from robustsplit.study.environment import environment
from robustsplit.study.progress import Progress
from robustsplit.training import accuracy, preprocessing_doubt

__all__ = ["profile_model"]


def profile_model(
    address: str,
    data: ImageData,
    *,
    weights: Path | None = None,
    key: str | None = None,
    prefix: str | None = None,
    mean: str = "",
    std: str = "",
    arguments: Mapping[str, Any] | None = None,
    attack: Mapping[str, Any] | None = None,
    layers: list[str] | None = None,
    measurement: Measurement | None = None,
    seed: int = 0,
    unit: str = "bits",
    command: str = "",
    shown: bool | None = None,
) -> Findings:
    """Build a network, load its weights, and measure its layers on data.

    Args:
        address: The factory: ``package.module:factory`` or ``path/to/file.py:factory``.
        data: Test images.
        weights: See `robustsplit.loading.load_weights`; None leaves the network untrained.
        key: Where in that file they are; needed where more than one set fits.
        prefix: What to take off the front of their names; likewise.
        mean: Of the images in the network's training, per channel, or a name such as "imagenet".
        std: Likewise.
        arguments: Of the factory.
        attack: A configuration table, such as ``{"name": "pgd", "eps": "8/255", "paper": True}``.
        layers: Names or globs; all weight layers by default.
        measurement: How to measure; the package's choices by default.
        seed: Of everything random.
        unit: For display.
        command: What the report says reproduces it.
        shown: Whether to show progress; None: on a terminal.

    Returns:
        Findings with one profile, and the network's accuracy.

    Raises:
        ValueError: For a factory, weights, an attack or layers that cannot be used.
        TypeError: When the factory returns no module or does not take the arguments.
        FileNotFoundError: When the factory's file or the weights file is missing.
    """
    model, said = load_network(
        address, arguments, weights=weights, key=key, prefix=prefix, mean=mean, std=std, seed=seed
    )
    threat = attack_from_config(attack or {"name": "clean"})
    name = address.rpartition(":")[2]
    scored = {"clean": _clean_accuracy(model, data)}
    if weights is None and _looks_trained(scored["clean"]):
        said = ["No weights were given: the network is as its factory made it."]
    if doubt := preprocessing_doubt(model, data, trained=weights is not None):
        warnings.warn(doubt, stacklevel=2)  # before the minutes that measuring takes
        said.insert(0, doubt)
    if not isinstance(threat, Clean):
        scored["attacked"] = accuracy(model, data, attack=threat, seed=seed)
    with Progress({"layer pairs": 1.0}, shown) as bar:
        bar.stage("layer pairs")

        def tell(event: Mapping[str, Any]) -> None:
            bar.step("layer pairs", 0.0, f"{event['done']} of {event['total']}")
            bar.reach("layer pairs", event["done"] / event["total"])

        profile = connectivity(
            model,
            data,
            layers,
            attack=threat,
            measurement=measurement,
            seed=seed,
            progress=tell,
        )
    return Findings(
        name=name,
        profiles={name: profile},
        scores={name: scored},
        environment=environment(Config()),
        attack=threat.label,
        data=f"{data.name}, {len(data)} images{normalised_by(model)}",
        unit=unit,  # type: ignore[arg-type]
        warnings=tuple([*said, *profile.settings.get("notes", ())]),
        command=command,
    )


def _clean_accuracy(model: nn.Module, data: ImageData) -> AccuracyRecord:
    try:
        return accuracy(model, data)
    except ValueError as error:
        if data.inputs.ndim != 3:
            raise
        raise ValueError(
            f"{error} These inputs have no channel axis; grey images need one: save x[:, None]."
        ) from error


def _looks_trained(score: AccuracyRecord) -> bool:
    """Whether the accuracy is nearer to perfect than to what the most frequent class gives."""
    most = max(count for _, count in score.by_class.values()) / score.n
    return score.percent / 100 > (1 + most) / 2
