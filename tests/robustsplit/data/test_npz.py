"""npz files as NumPy, Keras and MedMNIST write them."""

import warnings

import numpy as np
import pytest
import torch

from robustsplit.data import ImageData, as_image_data, from_npz, splits_from_npz

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*different inputs.*")
        yield


def save(tmp_path, **arrays):
    np.savez(tmp_path / "set.npz", **arrays)
    return tmp_path / "set.npz"


def labels(n=12, classes=3):
    return np.arange(n) % classes


def grey(shape, kind=np.float32):
    x = RNG.random(shape)
    return (x * np.iinfo(kind).max).astype(kind) if np.dtype(kind).kind == "u" else x.astype(kind)


@pytest.mark.parametrize("shape", [(12, 8, 8, 3), (12, 9, 7, 3), (12, 28, 28, 1), (12, 8, 8, 4)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_channels_last_are_moved_and_told(shape, kind, tmp_path):
    x = grey(shape, kind)
    with pytest.warns(UserWarning, match=r"read as \(n, height, width, channels\)"):
        data = from_npz(save(tmp_path, x=x, y=labels()))
    scale = 255 if kind == np.uint8 else 1
    right = torch.from_numpy(x.transpose(0, 3, 1, 2).astype(np.float32)) / scale
    assert torch.equal(data.inputs, right)


@pytest.mark.parametrize(
    "shape",
    [(12, 3, 8, 8), (12, 1, 28, 28), (12, 3, 5, 3), (12, 1, 9, 1), (12, 16, 3, 3), (12, 5, 2, 1),
     (12, 3, 3, 3), (12, 30), (12, 10, 7)],
)  # fmt: skip
def test_other_axes_stay(shape, tmp_path):
    x = grey(shape)
    assert torch.equal(from_npz(save(tmp_path, x=x, y=labels())).inputs, torch.from_numpy(x))


def test_uncertain_axes_are_asked(tmp_path):
    with pytest.raises(ValueError, match=r"set.npz: 'x' has shape 12 x 16 x 9 x 1: is the last"):
        from_npz(save(tmp_path, x=grey((12, 16, 9, 1)), y=labels()))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_maps_of_integers_without_channels_get_an_axis(kind, tmp_path):
    x = grey((12, 28, 28), kind)
    x[0, 0, 0] = np.iinfo(kind).max
    with pytest.warns(UserWarning, match="without a channel axis"):
        data = from_npz(save(tmp_path, x=x, y=labels()))
    assert data.inputs.shape == (12, 1, 28, 28)
    assert np.allclose(data.inputs[:, 0].numpy(), x / np.iinfo(kind).max, atol=1e-7)


@pytest.mark.parametrize("order", ["<", ">", "="])
@pytest.mark.parametrize("kind", ["f4", "f8", "f2", "u2"])
@pytest.mark.parametrize("label", ["i8", "i4", "u2", "f8", "u8"])
def test_byte_orders_and_kinds_of_numbers(order, kind, label, tmp_path):
    x = grey((12, 1, 5, 6), np.uint16 if kind == "u2" else np.float64)
    data = from_npz(
        save(tmp_path, x=x.astype(order + kind), y=labels().astype(np.dtype(order + label)))
    )
    right = x / 65535 if kind == "u2" else x
    assert np.allclose(data.inputs.numpy(), right, atol=1e-3 if kind == "f2" else 1e-6)
    assert data.labels.tolist() == labels().tolist()


def test_sixteen_bits_of_unknown_scale_are_asked(tmp_path):
    x = (RNG.random((12, 1, 5, 6)) * 4095).astype(np.uint16)
    with pytest.raises(ValueError, match=r"set.npz: 'x' has 16-bit numbers up to 40\d\d: is that"):
        from_npz(save(tmp_path, x=x, y=labels()))
    ink = (x > 2000).astype(np.uint16)
    assert from_npz(save(tmp_path, x=ink, y=labels())).inputs.unique().tolist() == [0, 1]


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1.0000001), (-1e-7, 1), (-3e-6, 1 + 3e-6), (0, 1.000009)]
)
def test_rounding_is_set_to_the_bound(low, high, tmp_path):
    x = grey((12, 1, 5, 6))
    x[0, 0, 0, 0], x[0, 0, 0, 1] = low, high
    data = from_npz(save(tmp_path, x=x, y=labels()))
    assert float(data.inputs.min()) >= 0 and float(data.inputs.max()) <= 1
    inside = (x >= 0) & (x <= 1)
    assert np.array_equal(data.inputs.numpy()[inside], x[inside])


@pytest.mark.parametrize(
    ("low", "high", "advice"),
    [(0, 1.02, "clip them"), (-0.1, 1, "clip them"), (0, 255, "Divide them by 255"),
     (0, 40000, "Divide them by 65535"), (-2.1, 2.6, "NormalizedModel"),
     (0, 1.4, "NormalizedModel")],
)  # fmt: skip
def test_other_values_are_refused_with_advice(low, high, advice):
    with pytest.raises(ValueError, match=f"got values from .*{advice}"):
        as_image_data(np.array([[low, high], [0.5, 0.5]]), [0, 1])


def test_slightly_outside_is_shown_with_enough_digits():
    with pytest.raises(ValueError, match=r"from 0 to 1\.002"):
        as_image_data(np.array([[0, 1.002]]), [0])


@pytest.mark.parametrize("key", ["classes", "class_names"])
@pytest.mark.parametrize("kind", ["U5", "S5"])
def test_class_names_as_text_and_as_bytes(key, kind, tmp_path):
    x, names = grey((12, 1, 5, 6)), np.array(["cat", "dog", "eel"])
    path = save(tmp_path, x=x, y=labels(), **{key: names.astype(kind)})
    assert from_npz(path).classes == ("cat", "dog", "eel")
    path = save(tmp_path, x=x, y=names[labels()].astype(kind), **{key: names})
    assert from_npz(path).labels.tolist() == labels().tolist()
    path = save(tmp_path, x=x, y=np.array(["cta"] * 12).astype(kind), **{key: names})
    with pytest.raises(ValueError, match=r"No class named 'cta'\. Did you mean 'cat'"):
        from_npz(path)


@pytest.mark.parametrize(
    ("names", "message"),
    [(["a", "b"], "only 2 class names"), (["a", "b", "a"], "Two classes are named 'a'"),
     (["train", "val", "test"], "are parts of a data set"),
     (["test17", "train17", "val17"], "are parts of a data set")],
)  # fmt: skip
def test_class_names_that_cannot_be(names, message, tmp_path):
    path = save(tmp_path, x=grey((12, 1, 5, 6)), y=labels(), classes=np.array(names))
    with pytest.raises(ValueError, match=f"set.npz: .*{message}"):
        from_npz(path)


def test_a_data_set_of_two_parts_is_no_data_set_of_two_classes():
    class Folder(torch.utils.data.Dataset):
        """As torchvision's ImageFolder on a root with train/ and val/."""

        classes = ("train", "val")

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return torch.rand(3, 4, 4), index % 2

    with pytest.raises(ValueError, match="named train, val: these are parts of a data set"):
        as_image_data(Folder())


@pytest.mark.parametrize("label", [2_000_000, 10**12, 20_000_000])
def test_giant_labels_are_named_and_take_no_memory(label, tmp_path):
    y = labels()
    y[3] = label
    with pytest.raises(ValueError, match=f"set.npz: Label {label} with 12 inputs is no class"):
        from_npz(save(tmp_path, x=grey((12, 1, 5, 6)), y=y))
    assert ImageData(torch.rand(2, 3), torch.tensor([3, 21_840])).n_classes == 21_841


@pytest.mark.parametrize(
    ("y", "error"),
    [(np.array([2**63] * 12, dtype=np.uint64), ValueError), (np.full(12, 1e19), ValueError),
     (np.full(12, np.inf), ValueError), (np.full(12, np.nan), TypeError),
     (np.full(12, 1j), TypeError)],
)  # fmt: skip
def test_labels_that_are_no_numbers_of_classes(y, error, tmp_path):
    with pytest.raises(error, match=r"set\.npz: "):
        from_npz(save(tmp_path, x=grey((12, 1, 5, 6)), y=y))


STYLES = {"numpy": "x_{}/y_{}", "keras": "X_{}/Y_{}", "medmnist": "{}_images/{}_labels",
          "long": "inputs_{}/labels_{}", "mixed": "images-{}/{}_targets"}  # fmt: skip


@pytest.mark.parametrize("style", list(STYLES))
@pytest.mark.parametrize("validation", ["val", "valid", "validation", None])
@pytest.mark.parametrize("test", ["test", None])
def test_parts_under_the_usual_names(style, validation, test, tmp_path):
    x_name, y_name = STYLES[style].split("/")
    arrays, sizes = {}, {"train": 36, validation: 9, test: 6}
    for part, n in sizes.items():
        if part:
            arrays[x_name.format(part)] = grey((n, 1, 5, 6))
            arrays[y_name.format(part)] = labels(n)[:, None]
    path = save(tmp_path, **arrays)
    if not validation and not test:
        with pytest.raises(ValueError, match="no test part"):
            splits_from_npz(path)
        return
    parts = splits_from_npz(path)
    last = 6 if test else 9
    held = 9 if validation and test else 6  # 15 % of 36, rounded up
    assert [len(p) for p in (parts.validation, parts.test)] == [held, last]
    assert torch.equal(from_npz(path, part="test").inputs, parts.test.inputs)
    with pytest.raises(ValueError, match=r"holds the parts train.*part='test'"):
        from_npz(path)


def test_damaged_and_pickled_files_are_named(tmp_path):
    path = save(tmp_path, x=np.array([{}] * 12, dtype=object), y=labels())
    with pytest.raises(ValueError, match=r"set.npz: .*allow_pickle"):
        from_npz(path)
    path = save(tmp_path, x=grey((12, 1, 50, 60)), y=labels())
    content = bytearray(path.read_bytes())
    content[3000:3100] = b"\xff" * 100
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"set\.npz is damaged"):
        from_npz(path)
