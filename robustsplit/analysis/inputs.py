"""The inputs that connectivity is measured on: how many per class, and in which classes."""

from __future__ import annotations

import numpy as np

from mitools.estimators.base import MutualInformationEstimator
from robustsplit.data import ImageData
from robustsplit.measurement import Measurement
from robustsplit.training import derive_seed

__all__ = ["large_enough", "measured_inputs"]


def measured_inputs(
    data: ImageData, measurement: Measurement, *, seed: int = 0
) -> tuple[ImageData, list[str]]:
    """Return the inputs that a measurement takes.

    Args:
        data: All inputs.
        measurement: `max_per_class`, `small_classes` and the estimator decide.
        seed: Of the draw of `max_per_class` inputs.

    Returns:
        The inputs, and what a reader must know about the choice, in sentences.

    Raises:
        ValueError: For a class that is too small for the estimator.
    """
    if measurement.max_per_class is not None:
        at = derive_seed(seed, "connectivity/subset")
        data = data.at_most(measurement.max_per_class, seed=at)
    data, notes = large_enough(data, measurement.estimator_used, measurement.small_classes)
    if sum(count > 0 for count in data.counts.values()) == 1:
        notes.append(
            f"All {len(data)} inputs are of one class, so rho and the accuracies are for this "
            "class only."
        )
    return data, notes


def large_enough(
    data: ImageData, estimator: MutualInformationEstimator, small_classes: str
) -> tuple[ImageData, list[str]]:
    """Return the data without classes that the estimator cannot take, and a note of them.

    Args:
        data: The inputs.
        estimator: Says how many samples it needs in each class.
        small_classes: "error", or "drop" the classes that are too small.

    Returns:
        The data that is left, and the note: a list of one sentence, or empty if nothing was
        dropped.

    Raises:
        ValueError: For classes that are too small, when they are not dropped or are all there is.
    """
    needed = max(estimator.minimum_samples(), 4)
    small = {name: count for name, count in data.counts.items() if 0 < count < needed}
    if not small:
        return data, []
    listed = ", ".join(f"{name!r} ({count})" for name, count in list(small.items())[:6])
    present = sum(count > 0 for count in data.counts.values())
    if small_classes != "drop" or len(small) == present:
        raise ValueError(
            f"{estimator} needs at least {needed} inputs in each class, and these have fewer: "
            f"{listed}. Add inputs, merge classes, or pass small_classes='drop'."
        )
    keep = [data.counts[data.classes[label]] >= needed for label in data.labels.tolist()]
    note = f"Classes with fewer than {needed} inputs were dropped: {listed}."
    return data.take(np.flatnonzero(keep)), [note]
