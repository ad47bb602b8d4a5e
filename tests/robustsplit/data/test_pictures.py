"""Image files: read as stored, or named with what is wrong."""

import warnings

import pytest
from PIL import Image

from robustsplit.data import from_folder
from tests.robustsplit.pictures import classes, picture


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_suffixes_in_any_case(tmp_path):
    for index, suffix in enumerate(("JPEG", "jpg", "Png", "webp", "TIFF", "bmp", "jfif")):
        kind = "JPEG" if suffix == "jfif" else None
        picture(tmp_path / "a" / f"{index}.{suffix}", format=kind)
    assert len(from_folder(tmp_path)) == 7


DAMAGED = {
    "cut off": (lambda p: p.write_bytes(p.read_bytes()[:-40]), "bad.png is damaged or cut off"),
    "text": (lambda p: p.write_text("hello"), "bad.png is no image, whatever its name"),
    "empty": (lambda p: p.write_bytes(b""), "bad.png is empty"),
    "head only": (lambda p: p.write_bytes(p.read_bytes()[:30]), "bad.png is"),
    "flipped": (
        lambda p: p.write_bytes(p.read_bytes()[:45] + b"\xff" * 20 + p.read_bytes()[65:]),
        "bad.png is damaged"),
    "no folder": (
        lambda p: Image.new("F", (6, 5)).save(p, "TIFF"), "bad.png has 32-bit pixels"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(DAMAGED))
def test_damaged_and_foreign_files_are_named_with_advice(case, tmp_path):
    classes(tmp_path)
    damage, message = DAMAGED[case]
    damage(picture(tmp_path / "cat" / "bad.png", size=(40, 40)))
    with pytest.raises(ValueError, match=f"{message}.*Replace or remove"):
        from_folder(tmp_path, size=4)


@pytest.mark.parametrize("suffix", ["jpg", "gif", "tif", "webp"])
def test_truncated_files_of_other_kinds(suffix, tmp_path):
    classes(tmp_path)
    path = picture(tmp_path / "cat" / f"bad.{suffix}", size=(64, 64))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"cat/bad.{suffix} is"):
        from_folder(tmp_path, size=4)


def test_several_bad_files_are_named_at_once(tmp_path):
    classes(tmp_path)
    for name in ("x", "y"):
        (tmp_path / "dog" / f"{name}.png").write_text("no")
    with pytest.raises(ValueError, match=r"x\.png is no image.*; .*y\.png is no image"):
        from_folder(tmp_path)


def test_a_decompression_bomb_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    classes(tmp_path)
    with pytest.raises(ValueError, match=r"cat/0\.png is larger than Pillow opens"):
        from_folder(tmp_path)


def test_an_exif_orientation_is_told_and_not_followed(tmp_path):
    classes(tmp_path, n=4)
    tag = Image.Exif()
    tag[0x0112] = 6
    picture(tmp_path / "cat" / "turned.jpg", exif=tag)
    with pytest.warns(UserWarning, match=r"1 of 9 images carry an EXIF orientation.*turned\.jpg"):
        data = from_folder(tmp_path)
    assert data.inputs.shape == (9, 3, 5, 6)  # one height and width: nothing was turned
    tag[0x0112] = 1
    picture(tmp_path / "cat" / "turned.jpg", exif=tag)
    from_folder(tmp_path)


def test_large_images_are_read_without_a_nameless_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)  # Pillow refuses twice as many
    assert len(from_folder(classes(tmp_path))) == 6
