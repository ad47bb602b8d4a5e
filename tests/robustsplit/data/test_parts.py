"""Which part of a data set a name means."""

import pytest

from robustsplit.data.parts import as_published, part_of, parts_of


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("train", "train Train TRAINING training_set trainset trn seg_train train_images"),
        ("validation", "val Valid validation VALIDATION_SET dev devel"),
        ("test", "test Testing test_set testset tst seg_test eval test-data"),
        (None, "trainer value tests vale latest devil training_shoe 1 set"),
    ],
)
def test_usual_names(part, names):
    assert {name: part_of(name) for name in names.split()} == dict.fromkeys(names.split(), part)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["train2017", "val2017"], {"train2017": "train", "val2017": "validation"}),
        (["a_train_b", "a_test_b", "cat"], {"a_train_b": "train", "a_test_b": "test"}),
        (["a_train", "b_test"], {}),
        (["train-1", "train-2"], {}),
        (["test_train", "test_val"], {}),
        (["cat", "test"], {"test": "test"}),
    ],
)
def test_names_that_differ_in_the_parts_word_alone(names, found):
    assert parts_of(names) == found


def test_the_validation_part_stands_for_a_missing_test_part():
    assert as_published({"train": 1, "validation": 2}) == {"train": 1, "test": 2}
    assert as_published({"train": 1, "validation": 2, "test": 3}) == {
        "train": 1, "validation": 2, "test": 3,
    }  # fmt: skip
    assert as_published({"train": 1}) == {"train": 1}
