"""Images in npz files and in folders."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from robustsplit.data import (
    as_image_data,
    from_folder,
    from_npz,
    splits_from_folder,
    splits_from_npz,
)


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
