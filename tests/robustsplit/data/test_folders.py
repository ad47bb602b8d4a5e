"""Image folders as they are found in the world: read rightly, or asked about, never guessed."""

import warnings

import numpy as np
import pytest
import torch

from robustsplit.data import from_folder, imagenette, splits_from_folder
from tests.robustsplit.pictures import classes, picture


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*different inputs.*")
        yield


TWO_PARTS = ["train/val", "Train/Test", "training/validation", "TRAIN/VAL", "train/valid",
             "training_set/test_set", "seg_train/seg_test", "train/dev", "train_images/val_images",
             "trainset/testset", "train2017/val2017", "ILSVRC2012_img_train/ILSVRC2012_img_val",
             "asl-Train.1/asl-Test.1"]  # fmt: skip


@pytest.mark.parametrize("names", TWO_PARTS)
@pytest.mark.parametrize("wrapped", ["", "imagenette2-320", "a/b"])
def test_two_published_parts(names, wrapped, tmp_path):
    train, test = names.split("/")
    classes(tmp_path / wrapped / train, n=20)
    classes(tmp_path / wrapped / test, n=2)
    (tmp_path / "README.txt").write_text("A set of images.")
    parts = splits_from_folder(tmp_path)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [34, 6, 4]
    assert parts.test.classes == ("cat", "dog")
    measured = from_folder(tmp_path, part="test")
    assert torch.equal(measured.inputs, parts.test.inputs)
    assert measured.counts == {"cat": 2, "dog": 2}
    assert len(from_folder(tmp_path, part="train")) == 40
    with pytest.raises(ValueError, match=r"holds parts of a data set\. Use splits_from_folder"):
        from_folder(tmp_path)


def test_three_parts_stay_three(tmp_path):
    for part, n in (("train", 6), ("val", 3), ("test", 2)):
        classes(tmp_path / part, n=n)
    parts = splits_from_folder(tmp_path)
    assert [len(p) for p in (parts.train, parts.validation, parts.test)] == [12, 6, 4]
    assert len(from_folder(tmp_path, part="test")) == 4
    assert len(from_folder(tmp_path, part="validation")) == 6


@pytest.mark.parametrize("lone", ["train", "val", "test", "Testing"])
def test_a_lone_part_is_no_class(lone, tmp_path):
    classes(tmp_path / lone)
    with pytest.raises(ValueError, match=f"has {lone}/.*holds parts"):
        from_folder(tmp_path)
    with pytest.raises(ValueError, match=f"has {lone}/ and no (train|test) part"):
        splits_from_folder(tmp_path)
    if lone == "train":
        with pytest.raises(ValueError, match=r"No part named 'test'.*pass its folder itself"):
            from_folder(tmp_path, part="test")
    else:
        assert from_folder(tmp_path, part="test").classes == ("cat", "dog")
    assert from_folder(tmp_path / lone).classes == ("cat", "dog")


def test_imagenette_by_either_folder(tmp_path):
    classes(tmp_path / "imagenette2-160/train", n=20)
    classes(tmp_path / "imagenette2-160/val", n=2)
    one = imagenette(tmp_path, size=4, release="160px")
    other = imagenette(tmp_path / "imagenette2-160", size=4)
    assert torch.equal(one.test.inputs, other.test.inputs) and len(one.test) == 4


@pytest.mark.parametrize("wrapper", ["images", "data/images", "dataset-v1"])
def test_a_folder_around_the_classes_is_looked_through(wrapper, tmp_path):
    classes(tmp_path / wrapper, ("a", "b", "c"))
    (tmp_path / "docs").mkdir()
    assert from_folder(tmp_path).classes == ("a", "b", "c")
    assert splits_from_folder(classes(tmp_path / "x", n=9)).train.classes == ("cat", "dog")


def test_parts_with_folders_around_their_classes(tmp_path):
    classes(tmp_path / "training_set/training_set", n=20)
    classes(tmp_path / "test_set/test_set", n=2)
    assert splits_from_folder(tmp_path).test.classes == ("cat", "dog")


def test_a_class_may_have_a_parts_name(tmp_path):
    classes(tmp_path, ("bus", "car", "train"))
    assert from_folder(tmp_path).classes == ("bus", "car", "train")
    assert from_folder(tmp_path, part="test").classes == ("bus", "car", "train")


def test_names_that_only_hold_a_parts_word_are_classes(tmp_path):
    names = ("test_pattern", "train station", "training shoe", "value")
    assert from_folder(classes(tmp_path, names)).classes == tuple(sorted(names))


def test_one_class_of_images_stays_one(tmp_path):
    assert from_folder(classes(tmp_path, ("cat",))).classes == ("cat",)


def test_classes_in_folders_of_their_own(tmp_path):
    """As in Tiny ImageNet: train/CLASS/images/*.JPEG."""
    classes(tmp_path / "train", ("n1", "n2"), n=20, inner="images")
    for name in ("n1", "n2"):
        (tmp_path / "train" / name / f"{name}_boxes.txt").write_text("0 0 1 1")
    classes(tmp_path / "val", ("n1", "n2"), n=2, inner="images")
    assert splits_from_folder(tmp_path).test.counts == {"n1": 2, "n2": 2}


def test_labels_are_the_training_parts(tmp_path):
    classes(tmp_path / "train", ("a", "b", "c"), n=20)
    classes(tmp_path / "val", ("a", "c"), n=2)
    test = from_folder(tmp_path, part="test")
    assert test.labels.tolist() == [0, 0, 2, 2] and test.counts == {"a": 2, "b": 0, "c": 2}
    assert splits_from_folder(tmp_path).test.counts == {"a": 2, "b": 0, "c": 2}
    classes(tmp_path / "val", ("d",))
    for read in (splits_from_folder, lambda root: from_folder(root, part="test")):
        with pytest.raises(ValueError, match=r"class folders that .* has not: d \(1 of 3\)"):
            read(tmp_path)


def flat(folder, n=3):
    for index in range(n):
        picture(folder / f"{index}.png")


ASKED = {
    "parts beside classes": (
        lambda r: (classes(r / "train"), flat(r / "cat")), "train/ beside cat/: are these parts"),
    "one part twice": (
        lambda r: (classes(r / "train"), classes(r / "val"), classes(r / "valid")),
        "val/ and valid/, which both name the validation part"),
    "unsorted parts": (
        lambda r: (flat(r / "train"), flat(r / "val")),
        "train/ and val/ in .* without class folders, so their labels are not known"),
    "one unsorted part": (lambda r: flat(r / "test"), "test/ in .* without class folders"),
    "unsorted parts and a class": (
        lambda r: (flat(r / "train"), flat(r / "val"), flat(r / "cat")), "are these parts"),
    "parts below classes": (
        lambda r: (classes(r / "cat", ("train", "test")), classes(r / "dog", ("train", "test"))),
        "cat has test/ and train/ inside: the parts stand below the classes"),
    "an empty class": (
        lambda r: (classes(r), (r / "eel").mkdir()), "eel/ in .* hold no images. Are these"),
    "a class of other files": (
        lambda r: (classes(r), (r / "eel").mkdir(), (r / "eel/a.heic").write_text("x")),
        r"eel/ in .* hold no images \(but \.heic files\)"),
    "images alone": (flat, "No images found below .* 3 images lie in it directly"),
    "nothing": (lambda r: None, "No images found below"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(ASKED))
@pytest.mark.parametrize(
    "read",
    [from_folder, splits_from_folder, lambda r: from_folder(r, part="test")],
    ids=["one set", "splits", "test part"],
)
def test_what_is_not_certain_is_asked(case, read, tmp_path):
    make, message = ASKED[case]
    make(tmp_path)
    with pytest.raises(ValueError, match=message):
        read(tmp_path)


def test_a_part_without_labels_is_passed_over_and_told(tmp_path):
    """As ImageNet's test part, whose labels are secret."""
    classes(tmp_path / "train", n=20)
    classes(tmp_path / "val", n=2)
    flat(tmp_path / "test")
    flat(tmp_path / "unlabeled")
    with pytest.warns(UserWarning) as told:
        data = from_folder(tmp_path, part="test")
    assert len(data) == 4 and data.classes == ("cat", "dog")
    texts = " ".join(str(one.message) for one in told)
    assert "test was passed over: it holds images without class folders" in texts
    assert "unlabeled/ in" in texts


def test_what_systems_leave_behind_is_no_image(tmp_path):
    classes(tmp_path)
    for place in (".ipynb_checkpoints", "cat/.ipynb_checkpoints", "cat/__MACOSX", "__MACOSX/cat"):
        picture(tmp_path / place / "0-checkpoint.png")
    picture(tmp_path / "cat" / ".hidden.png")
    (tmp_path / "cat" / "._0.png").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "dog" / "Thumbs.db").write_bytes(b"x")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert from_folder(tmp_path).counts == {"cat": 3, "dog": 3}


def test_links_are_followed_and_circles_end(tmp_path):
    far = classes(tmp_path / "far", ("more", "bird"))
    root = classes(tmp_path / "near")
    (root / "cat" / "more").symlink_to(far / "more")
    (root / "bird").symlink_to(far / "bird")
    (root / "dog" / "round").symlink_to(root / "dog")
    (root / "dog" / "one.png").symlink_to(far / "more" / "0.png")
    assert from_folder(root).counts == {"bird": 3, "cat": 6, "dog": 4}
    (root / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(ValueError, match=r"gone\.png is a link to a file that is not there"):
        from_folder(root)


def test_a_folder_may_be_called_like_an_image(tmp_path):
    classes(tmp_path)
    picture(tmp_path / "cat" / "odd.png" / "inside.png")
    assert from_folder(tmp_path).counts == {"cat": 4, "dog": 3}


def test_foreign_files_beside_images_are_told(tmp_path):
    classes(tmp_path)
    (tmp_path / "cat" / "notes.txt").write_text("fine")
    from_folder(tmp_path)
    (tmp_path / "cat" / "a.heic").write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"1 files below .*passed over, such as .*a\.heic"):
        assert len(from_folder(tmp_path)) == 6


def test_images_beside_class_folders_are_told(tmp_path):
    classes(tmp_path)
    picture(tmp_path / "overview.png")
    with pytest.warns(UserWarning, match="1 images lie in .* itself, in no class folder"):
        assert len(from_folder(tmp_path)) == 6


def test_labels_and_pixels_are_torchvisions(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    classes(tmp_path / "set/train", ("b", "a10", "a9", "Z"))
    picture(tmp_path / "set/train/a9/deeper/0.png")
    theirs = datasets.ImageFolder(tmp_path / "set/train")
    for ours in (from_folder(tmp_path / "set/train"), from_folder(tmp_path, part="train")):
        assert list(ours.classes) == theirs.classes and ours.labels.tolist() == theirs.targets
        pixels = np.stack([np.asarray(image) for image, _ in theirs]).transpose(0, 3, 1, 2) / 255
        assert np.allclose(ours.inputs.numpy(), pixels, atol=1e-7)
