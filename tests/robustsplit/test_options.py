"""What is written on the command line, as values."""

import numpy as np
import pytest

from robustsplit.options import (
    factory_arguments,
    globs,
    input_shape,
    paper_attack_table,
    read_data,
)


def test_factory_arguments_are_toml_values_or_words():
    texts = ["width=8", "deep=true", "name=resnet", "shape=[1, 2]", "label=a=b"]
    assert factory_arguments(texts) == {
        "width": 8, "deep": True, "name": "resnet", "shape": [1, 2], "label": "a=b",
    }  # fmt: skip
    assert factory_arguments(None) == {}
    for wrong in ("width", "=8"):
        with pytest.raises(ValueError, match="--arg takes KEY=VALUE"):
            factory_arguments([wrong])


@pytest.mark.parametrize("text", ["3x224x224", "3,224,224"])
def test_shapes(text):
    assert input_shape(text) == [3, 224, 224]


def test_shapes_of_words_are_refused():
    with pytest.raises(ValueError, match="--shape takes numbers such as 3x224x224, got '3xa'"):
        input_shape("3xa")


def test_layer_names_may_stand_between_commas():
    assert globs(["conv*,fc1", "fc2"]) == ["conv*", "fc1", "fc2"]
    assert globs(None) is None and globs([]) is None


def test_published_attacks_have_a_radius_but_for_cw():
    assert paper_attack_table("pgd", "8/255") == {"name": "pgd", "paper": True, "eps": "8/255"}
    assert paper_attack_table("cw", "8/255") == {"name": "cw", "paper": True}


def test_data_is_a_file_or_a_folder(tmp_path):
    x, y = np.random.default_rng(0).random((6, 1, 4, 4), np.float32), np.arange(6) % 2
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert read_data(tmp_path / "a.npz", 0, False).labels.tolist() == y.tolist()
    with pytest.raises(FileNotFoundError, match="neither an npz file nor a folder"):
        read_data(tmp_path / "none", 0, False)
