"""Image data: ranges and labels are checked, splits are stratified, files are read safely."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from robustsplit.data import (
    DataSplits,
    ImageData,
    as_image_data,
    digits,
)


def toy(n: int = 20, classes: int = 2, seed: int = 0) -> ImageData:
    inputs = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return ImageData(inputs, torch.arange(n) % classes)


@pytest.mark.parametrize(
    ("inputs", "labels", "error", "message"),
    [
        (torch.full((2, 3), 200.0), [0, 1], ValueError, "Divide them by 255"),
        (torch.tensor([[-1.5], [2.0]]), [0, 1], ValueError, "NormalizedModel"),
        (torch.tensor([[0.5], [float("nan")]]), [0, 1], ValueError, "1 of 2 inputs hold NaN"),
        (torch.rand(3), [0, 1, 0], ValueError, r"shape \(n, \.\.\.\)"),
        (torch.rand(0, 3), [], ValueError, "Inputs must have shape"),
        (torch.rand(2, 3), [0, -1], ValueError, "count from 0"),
        (torch.rand(2, 3), [0.5, 1.0], TypeError, "fractions"),
        (torch.rand(2, 3), [[0, 1], [1, 0]], ValueError, "argmax"),
        (torch.rand(2, 3), [0, 1, 1], ValueError, "2 inputs and 3 labels"),
        (torch.zeros(2, 3, dtype=torch.bool), [0, 1], TypeError, "real numbers"),
    ],
)
def test_bad_data_say_what_is_wrong(inputs, labels, error, message):
    with pytest.raises(error, match=message):
        ImageData(inputs, torch.tensor(labels))


def test_names_must_cover_the_labels():
    with pytest.raises(ValueError, match="only 1 class"):
        ImageData(torch.rand(2, 3), torch.tensor([0, 1]), ("cat",))


def test_accepts_what_torch_users_have():
    data = toy()
    pairs = TensorDataset(data.inputs, data.labels)
    for given in (
        data,
        (data.inputs, data.labels),
        (data.inputs.numpy(), data.labels.numpy()),
        pairs,
        DataLoader(pairs, batch_size=7),
    ):
        found = as_image_data(given)
        assert torch.equal(found.inputs, data.inputs) and torch.equal(found.labels, data.labels)
    half = as_image_data(data.inputs.half(), data.labels.to(torch.uint8))
    assert half.inputs.dtype == torch.float32 and half.labels.dtype == torch.int64
    with pytest.raises(TypeError, match="one part of the splits"):
        as_image_data(digits())
    with pytest.raises(TypeError, match="got str"):
        as_image_data("digits")


def test_the_callers_tensors_are_copied():
    inputs = torch.rand(4, 2)
    data = ImageData(inputs, torch.tensor([0, 1, 0, 1]))
    inputs.zero_()
    assert data.inputs.any()
    for batch, _ in data.batches(2):
        batch.zero_()
    assert data.inputs.any()


def test_batches_cover_the_data_in_an_order_of_their_seed():
    data = toy(20)
    assert torch.equal(torch.cat([x for x, _ in data.batches(6)]), data.inputs)
    one, again, other = (
        torch.cat([x for x, _ in data.batches(6, shuffle_seed=seed)]) for seed in (1, 1, 2)
    )
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(one.flatten().sort().values, data.inputs.flatten().sort().values)
    sizes = [len(x) for x, _ in toy(21).batches(10, shuffle_seed=0)]
    assert sizes == [10, 11]  # a rest of one would break batch normalisation


def test_at_most_keeps_so_many_of_each_class():
    data = toy(21, 3).at_most(2, seed=1)
    assert data.counts == {"0": 2, "1": 2, "2": 2}


def test_parts_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        DataSplits(toy(), toy(), ImageData(torch.rand(4, 3), torch.tensor([0, 1, 0, 1])))


def test_splits_take_loaders_and_a_part_may_lack_the_last_class():
    data = toy(12, 3)
    loader = DataLoader(TensorDataset(data.inputs, data.labels), batch_size=5)
    few, other = toy(2, 2, seed=1), toy(12, 3, seed=2)
    parts = DataSplits(loader, (few.inputs, few.labels), other)
    assert torch.equal(parts.train.inputs, data.inputs)
    assert parts.validation.classes == ("0", "1", "2") and parts.validation.counts["2"] == 0
    named = ImageData(data.inputs, data.labels, ("a", "b", "c"))
    with pytest.raises(ValueError, match="same classes"):
        DataSplits(named, other, other)
