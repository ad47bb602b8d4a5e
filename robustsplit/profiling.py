"""One network of the user's: scored, its layers measured, made into findings for the report."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mitools.registry import parse_estimator
from robustsplit.analysis import connectivity
from robustsplit.attacks import attack_from_config
from robustsplit.attacks.base import Clean
from robustsplit.config import Config
from robustsplit.data import ImageData
from robustsplit.findings import Findings
from robustsplit.loading import build_model, load_weights
from robustsplit.rundir import environment
from robustsplit.training import accuracy

__all__ = ["profile_model"]


def profile_model(
    address: str,
    data: ImageData,
    *,
    weights: Path | None = None,
    arguments: Mapping[str, Any] | None = None,
    attack: Mapping[str, Any] | None = None,
    layers: list[str] | None = None,
    estimator: str = "",
    point: str = "post",
    reduce: str = "none",
    n_permutations: int = 50,
    max_per_class: int = 0,
    small_classes: str = "error",
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
        arguments: Of the factory.
        attack: A configuration table, such as ``{"name": "pgd", "eps": "8/255", "paper": True}``.
        layers: Names or globs; all weight layers by default.
        estimator: As text, such as "ksg+pca:4".
        point: "post" or "pre".
        reduce: "none" or "gap".
        n_permutations: Shuffles of the null.
        max_per_class: Images per class, 0 for all.
        small_classes: "error", or "drop" classes too small for the estimator.
        seed: Of everything random.
        unit: For display.
        command: What the report says reproduces it.
        shown: Whether to show progress; None: on a terminal.

    Returns:
        Findings with one profile, and the network's accuracy.
    """
    model = build_model(address, arguments, seed=seed)
    if weights is not None:
        load_weights(model, weights)
    model.eval()
    threat = attack_from_config(attack or {"name": "clean"})
    name = address.rpartition(":")[2]
    said = [] if weights is not None else ["No weights were given: the network is untrained."]
    scored = {"clean": accuracy(model, data)}
    if not isinstance(threat, Clean):
        scored["attacked"] = accuracy(model, data, attack=threat, seed=seed)
    hidden = not (sys.stderr.isatty() if shown is None else shown)
    with tqdm(desc="layer pairs", unit=" pairs", disable=hidden, file=sys.stderr) as bar:

        def tell(event: Mapping[str, Any]) -> None:
            bar.total = event["total"]
            bar.update(event["done"] - bar.n)

        profile = connectivity(
            model,
            data,
            layers,
            attack=threat,
            estimator=parse_estimator(estimator) if estimator else None,
            point=point,  # type: ignore[arg-type]
            reduce=None if reduce == "none" else reduce,
            n_permutations=n_permutations,
            max_per_class=max_per_class or None,
            small_classes=small_classes,  # type: ignore[arg-type]
            seed=seed,
            progress=tell,
        )
    return Findings(
        name=name,
        profiles={name: profile},
        scores={name: scored},
        environment=environment(Config()),
        attack=threat.label,
        data=f"{data.name}, {len(data)} images",
        unit=unit,  # type: ignore[arg-type]
        warnings=tuple([*said, *profile.settings.get("notes", ())]),
        command=command,
    )
