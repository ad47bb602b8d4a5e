"""Image data: ranges and labels are checked, splits are stratified, files are read safely."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from robustsplit.data import (
    DataSplits,
    ImageData,
    as_image_data,
    cifar10,
    digits,
    from_folder,
    from_npz,
    split,
    splits_from_folder,
    splits_from_npz,
)


def toy(n: int = 20, classes: int = 2, seed: int = 0) -> ImageData:
    inputs = torch.rand(n, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return ImageData(inputs, torch.arange(n) % classes)


def test_digits_are_stratified_and_disjoint():
    data = digits(0)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [1000, 297, 500]
    assert data.test.inputs.shape[1:] == (1, 8, 8)
    assert data.test.inputs.dtype == torch.float32 and float(data.test.inputs.max()) == 1.0
    assert all(45 <= count <= 55 for count in data.test.counts.values())
    total = sum(p.inputs.double().sum() for p in (data.train, data.validation, data.test))
    from sklearn.datasets import load_digits

    assert float(total) == load_digits().data.sum() / 16  # every image once
    assert torch.equal(digits(0).test.inputs, data.test.inputs)
    assert not torch.equal(digits(1).test.inputs, data.test.inputs)


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


def test_split_is_stratified_and_complains_about_single_inputs():
    parts = split(toy(40), validation=8, test=0.5)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [12, 8, 20]
    assert parts.validation.counts == {"0": 4, "1": 4}
    lonely = ImageData(torch.rand(5, 2), torch.tensor([0, 0, 0, 0, 1]))
    with pytest.raises(ValueError, match="single input"):
        split(lonely)


def test_parts_must_agree():
    with pytest.raises(ValueError, match="one shape"):
        DataSplits(toy(), toy(), ImageData(torch.rand(4, 3), torch.tensor([0, 1, 0, 1])))


def test_npz(tmp_path):
    images = np.arange(32, dtype=np.uint8).reshape(4, 1, 2, 4) * 8
    np.savez(tmp_path / "set.npz", x=images, y=np.array([0, 1, 0, 1]))
    data = from_npz(tmp_path / "set.npz")
    assert np.array_equal(data.inputs.numpy(), images.astype(np.float32) / 255)
    assert data.name == "set"
    np.savez(tmp_path / "bad.npz", pictures=images)
    with pytest.raises(ValueError, match="holds pictures"):
        from_npz(tmp_path / "bad.npz")
    np.savez(tmp_path / "evil.npz", x=np.array([{}], dtype=object), y=np.array([0]))
    with pytest.raises(ValueError, match="allow_pickle"):
        from_npz(tmp_path / "evil.npz")
    with pytest.raises(FileNotFoundError, match="No file"):
        from_npz(tmp_path / "none.npz")
    x, y = np.random.default_rng(0).random((40, 3)), np.arange(40) % 2
    np.savez(tmp_path / "two.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    parts = splits_from_npz(tmp_path / "two.npz")
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [34, 6, 8]


def images(folder, size=(6, 8), n=3, mode="RGB"):
    from PIL import Image

    for label, name in enumerate(("cat", "dog")):
        (folder / name).mkdir(parents=True)
        for index in range(n):
            Image.new(mode, size, (40 * label,) * len(mode)).save(folder / name / f"{index}.png")


def test_folder(tmp_path):
    images(tmp_path / "flat")
    data = from_folder(tmp_path / "flat")
    assert data.inputs.shape == (6, 3, 8, 6) and data.classes == ("cat", "dog")
    assert float(data.inputs[-1, 0, 0, 0]) == pytest.approx(40 / 255)
    square = from_folder(tmp_path / "flat", size=4, grayscale=True)
    assert square.inputs.shape == (6, 1, 4, 4)
    images(tmp_path / "parts/train", n=20)
    images(tmp_path / "parts/test", n=2)
    parts = splits_from_folder(tmp_path / "parts")
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [34, 6, 4]
    images(tmp_path / "parts/val", n=1)
    assert len(splits_from_folder(tmp_path / "parts").validation) == 2
    with pytest.raises(ValueError, match="splits_from_folder"):
        from_folder(tmp_path / "parts")
    with pytest.raises(ValueError, match="No images found"):
        from_folder(tmp_path / "flat/cat")
    images(tmp_path / "mixed", n=1)
    images(tmp_path / "mixed/cat/more", size=(9, 9), n=1)
    with pytest.raises(ValueError, match="Pass size="):
        from_folder(tmp_path / "mixed")


def test_missing_cifar_is_not_downloaded(tmp_path):
    pytest.importorskip("torchvision")
    with pytest.raises(FileNotFoundError, match="Nothing is downloaded"):
        cifar10(tmp_path)


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


def joined(one: ImageData, other: ImageData) -> ImageData:
    return ImageData(torch.cat([one.inputs, other.inputs]), torch.cat([one.labels, other.labels]))


def test_copies_are_no_parts_and_shared_inputs_are_told():
    train, validation, test = toy(60, seed=1), toy(40, seed=2), toy(40, seed=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataSplits(train, validation, test)
    with pytest.raises(ValueError, match="40 of the 40 different inputs of the validation part"):
        DataSplits(train, validation, validation)
    with pytest.raises(ValueError, match="30 of the 40 different inputs of the test part"):
        DataSplits(train, validation, joined(train.take(torch.arange(30)), toy(10, seed=4)))
    leaking = joined(test, train.take(torch.arange(3)))
    with pytest.warns(UserWarning, match="3 of the 43 different inputs of the test part"):
        DataSplits(train, validation, leaking)


def test_bytes_float64_and_black_and_white(tmp_path):
    double = as_image_data(np.linspace(0, 1, 8).reshape(4, 2), [0, 1, 0, 1])
    assert double.inputs.dtype == torch.float32 and float(double.inputs.max()) == 1.0
    with pytest.raises(ValueError, match="Divide them by 255"):
        as_image_data(torch.full((2, 3), 200, dtype=torch.uint8), [0, 1])
    np.savez(tmp_path / "ink.npz", x=np.eye(4, dtype=np.uint8)[:, None], y=[0, 1, 0, 1])
    assert float(from_npz(tmp_path / "ink.npz").inputs.max()) == 1.0


@pytest.mark.parametrize("grayscale", [True, False])
def test_sixteen_bit_images_are_scaled_and_not_cut_off(tmp_path, grayscale):
    from PIL import Image

    (tmp_path / "cat").mkdir()
    pixels = np.arange(16, dtype=np.uint16).reshape(4, 4) * 4369  # 0 to 65535
    Image.fromarray(pixels).save(tmp_path / "cat" / "a.png")
    found = from_folder(tmp_path, grayscale=grayscale).inputs
    assert found.shape[1] == (1 if grayscale else 3)
    assert np.allclose(found[0].numpy(), pixels / 65535, atol=1 / 255)


def test_images_of_unknown_range_are_refused(tmp_path):
    from PIL import Image

    (tmp_path / "cat").mkdir()
    Image.fromarray(np.full((4, 4), 0.5, dtype=np.float32)).save(tmp_path / "cat" / "a.tiff")
    with pytest.raises(ValueError, match="32-bit pixels"):
        from_folder(tmp_path)


@pytest.mark.parametrize("read", [from_npz, splits_from_npz])
def test_npz_files_of_the_wrong_kind_say_so(tmp_path, read):
    path = tmp_path / "data.npz"
    path.write_text("hello")
    with pytest.raises(ValueError, match="is no npz file, or a damaged one"):
        read(path)
    np.savez(path, x=np.zeros((2, 1, 2, 2)), y=np.array(["cat", "dog"]))
    with pytest.raises(TypeError, match="must be numbers, got dtype <U3"):
        read(path)
