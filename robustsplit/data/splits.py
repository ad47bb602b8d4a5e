"""Three disjoint parts of one data set, drawn label by label."""

from __future__ import annotations

import numpy as np

from robustsplit.data.images import DataSplits, ImageData

__all__ = ["split", "with_validation"]


def split(
    data: ImageData, *, validation: float | int = 0.15, test: float | int = 0.25, seed: int = 0
) -> DataSplits:
    """Split data into train, validation and test, stratified by label.

    Args:
        data: The whole.
        validation: Number of inputs, or fraction of the whole.
        test: Likewise.
        seed: Which split is drawn.

    Returns:
        The three parts.

    Raises:
        ValueError: For a class with a single input, in the whole or in what the test part leaves;
            for sizes that the data cannot give; as for `DataSplits`.
    """
    remaining, tested = _stratified(data, test, seed, "test")
    n_validation = round(validation * len(data)) if isinstance(validation, float) else validation
    train, validated = _stratified(remaining, n_validation, seed, "validation")
    return DataSplits(train, validated, tested)


def _stratified(
    data: ImageData, size: float | int, seed: int, part: str
) -> tuple[ImageData, ImageData]:
    """Return (rest, part of `size`), each with the label frequencies of the whole."""
    from sklearn.model_selection import train_test_split

    counts = {name: count for name, count in data.counts.items() if count}
    rare = [name for name, count in counts.items() if count < 2]
    if rare:
        raise ValueError(
            f"Class {rare[0]!r} has a single input, so it cannot be in the {part} part and in the "
            "rest. Add inputs, drop the class, or bring an own split."
        )
    try:
        rest, chosen = train_test_split(
            np.arange(len(data)), test_size=size, stratify=data.labels.numpy(), random_state=seed
        )
    except ValueError as error:
        raise ValueError(
            f"Cannot set {size} of {len(data)} inputs aside for the {part} part: {error}"
        ) from error
    return data.take(np.sort(rest)), data.take(np.sort(chosen))


def with_validation(parts: dict[str, ImageData], seed: int, *, where: str) -> DataSplits:
    """Return the parts, with 15 % of the training images as validation set if there is none.

    Args:
        parts: "train", "test" and perhaps "validation"; changed in place when it is missing.
        seed: Which training images become the validation part.
        where: Where the parts come from, for the error message.

    Returns:
        The three parts.

    Raises:
        ValueError: When "train" or "test" is missing, or a class has a single training image and
            there is no validation part; as for `DataSplits`.
    """
    if missing := {"train", "test"} - set(parts):
        raise ValueError(f"{where} has no {missing.pop()} part. Expected train and test.")
    if "validation" not in parts:
        parts["train"], parts["validation"] = _stratified(parts["train"], 0.15, seed, "validation")
    return DataSplits(parts["train"], parts["validation"], parts["test"])
