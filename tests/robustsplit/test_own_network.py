"""A user's network and images on the command line: folders, keys, prefixes, normalisation."""

import json
import tomllib

import numpy as np
import pytest
import torch
from PIL import Image

from robustsplit import Experiment, NormalizedModel, accuracy, digits, fit
from robustsplit.cli import main
from robustsplit.data import ImageData
from robustsplit.loading import build_model, load_network
from robustsplit.study.config import ConfigError, load, parse
from robustsplit.training import Recipe

NETS = """
from torch import nn


def tiny(classes=3):
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(96, 12), nn.ReLU(),
        nn.Linear(12, classes),
    )
"""
#: Normalised like this, the digits are far from what their pixels are.
MEAN, STD = "0.75", "0.1"


def three(part: ImageData) -> ImageData:
    return ImageData(part.inputs[part.labels < 3], part.labels[part.labels < 3])


@pytest.fixture(scope="module")
def user(tmp_path_factory):
    """A folder with a network trained on normalised digits, its weights, and test images."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "nets.py").write_text(NETS)
    data = digits()
    model = NormalizedModel(build_model(f"{folder}/nets.py:tiny"), MEAN, STD)
    fit(model, three(data.train), recipe=Recipe(epochs=8, lr=0.05))
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "epoch": 8}, folder / "w.ckpt")
    other = {name: value + 1 for name, value in state.items()}
    torch.save({"state_dict": state, "state_dict_ema": other}, folder / "both.ckpt")
    test = three(data.test)
    np.savez(folder / "test.npz", x=test.inputs, y=test.labels)
    for part, images in (("train", three(data.train)), ("val", test)):
        for index, (image, label) in enumerate(zip(images.inputs, images.labels, strict=True)):
            place = folder / "digits" / part / f"class{label}"
            place.mkdir(parents=True, exist_ok=True)
            pixels = (255 * image[0]).round().byte().numpy()
            Image.fromarray(pixels).save(place / f"{index}.png")
    return folder


def rho(capsys, user, *more, weights="w.ckpt", data="test.npz"):
    words = ["rho", f"{user}/nets.py:tiny", "--data", user / data, "--permutations", 2, *more]
    words += ["--weights", user / weights] if weights else []
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def test_the_test_part_of_a_published_folder_is_measured(capsys, user):
    code, out, err = rho(
        capsys, user, "--mean", MEAN, "--std", STD, "--grayscale", "--json", data="digits"
    )
    assert code == 0, err
    found = json.loads(out)
    assert found["scores"]["tiny"]["clean"]["n"] == len(three(digits().test))
    assert set(found["scores"]["tiny"]["clean"]["by_class"]) == {"class0", "class1", "class2"}
    assert "probably sees other inputs" not in err


def test_a_mean_normalises_and_renames_nothing(capsys, user):
    plain = json.loads(rho(capsys, user, "--json")[1])
    code, out, err = rho(capsys, user, "--json", "--mean", MEAN, "--std", STD)
    assert code == 0, err
    right = json.loads(out)
    names = [
        [(pair["parent"], pair["child"]) for pair in one["profiles"]["tiny"]["pairs"]]
        for one in (plain, right)
    ]
    assert names[0] == names[1] == [("0", "3"), ("3", "5")]
    model, _ = load_network(
        f"{user}/nets.py:tiny", weights=user / "w.ckpt", mean=float(MEAN), std=float(STD)
    )
    score = accuracy(model, three(digits().test))
    assert right["scores"]["tiny"]["clean"]["correct"] == score.correct
    assert score.percent > 90
    assert "normalised by mean 0.75, std 0.1" in right["data"]
    assert any("sees other inputs" in said for said in plain["warnings"])
    assert not any("sees other inputs" in said for said in right["warnings"])


def test_other_inputs_than_in_training_are_said_first(capsys, user):
    code, out, err = rho(capsys, user)
    assert code == 0
    assert "It probably sees other inputs than in its training" in err
    assert "--mean" in err and "verdict" in out


def test_two_sets_of_weights_are_asked_about(capsys, user):
    code, out, err = rho(capsys, user, weights="both.ckpt")
    assert (code, out) == (2, "")
    assert "--key state_dict --prefix model. (6 tensors)" in err
    assert "--key state_dict_ema --prefix model. (6 tensors)" in err
    code, out, err = rho(capsys, user, "--key", "state_dict", "--json", weights="both.ckpt")
    assert code == 0, err
    assert json.loads(out)["scores"] == json.loads(rho(capsys, user, "--json")[1])["scores"]
    code, _, err = rho(capsys, user, "--prefix", "net.", weights="both.ckpt")
    assert code == 2 and "No prefix named 'net.'. " in err


@pytest.mark.parametrize(
    ("options", "weights", "message"),
    [
        (("--std", "0.5"), "w.ckpt", "`std` is given without `mean`"),
        (("--mean", "0.5"), "w.ckpt", "`mean` is given without `std`"),
        (("--mean", "imagenet"), "w.ckpt", "has 3 channels, the inputs have shape"),
        (("--mean", "imagnet"), "w.ckpt", "Did you mean 'imagenet'"),
        (("--key", "ema"), None, "`key` and `prefix` say where in a file the weights are"),
    ],
)
def test_options_that_cannot_be_are_explained(capsys, user, options, weights, message):
    code, out, err = rho(capsys, user, *options, weights=weights)
    assert (code, out) == (2, "")
    assert message in err and "Traceback" not in err


def test_grey_images_without_a_channel_axis(capsys, user, tmp_path):
    test = three(digits().test)
    np.savez(tmp_path / "flat.npz", x=test.inputs[:, 0], y=test.labels)
    code, _, err = rho(capsys, user, data=tmp_path / "flat.npz")
    assert code == 2
    assert "does not take inputs of 8 x 8" in err and "save x[:, None]" in err


def test_options_for_folders_are_not_ignored_for_npz(capsys, user):
    for option in (("--size", 8), ("--grayscale",)):
        code, _, err = rho(capsys, user, *option)
        assert code == 2 and "--size and --grayscale are for folders" in err


def test_what_a_file_holds_besides_is_told(capsys, user, tmp_path):
    state = torch.load(user / "w.ckpt", weights_only=True)["state_dict"]
    state |= {"normalize.mean": torch.tensor([0.75]), "normalize.std": torch.tensor([0.1])}
    torch.save(state, tmp_path / "w.pt")
    code, _, err = rho(capsys, user, weights=tmp_path / "w.pt")
    assert code == 0
    assert "holds a normalisation, 'normalize.mean' and 'normalize.std'" in err
    assert "measure with --mean 0.75 --std 0.1" in err


def test_a_factory_may_load_weights_itself(capsys, user):
    more = """

def ready():
    import torch
    model = tiny()
    state = torch.load("{user}/w.ckpt", weights_only=True)["state_dict"]
    model.load_state_dict({{name[6:]: value for name, value in state.items()}})
    return model
"""
    with (user / "nets.py").open("a") as file:
        file.write(more.format(user=user))
    words = ["rho", f"{user}/nets.py:ready", "--data", str(user / "test.npz"),
             "--permutations", "2", "--mean", MEAN, "--std", STD]  # fmt: skip
    with pytest.raises(SystemExit):
        main(words)
    said = capsys.readouterr().err
    assert "the network is as its factory made it" in said and "untrained" not in said


STUDY = """
name = "own"
threads = 1
[data]
source = "folder"
path = "{user}/digits"
grayscale = true
max_train = 60
mean = {mean}
std = {std}
[model]
factory = "{user}/nets.py:tiny"
weights = "{user}/w.ckpt"
robust_weights = "{user}/both.ckpt"
robust_weights_key = "state_dict"
robust_weights_prefix = "model."
[attack]
name = "fgsm"
eps = 0.05
[split]
last = [1]
[algorithm1]
trials = 1
epochs = 1
[mi]
n_permutations = 2
networks = []
[output]
formats = ["svg"]
"""


def study(user, mean, std):
    return parse(tomllib.loads(STUDY.format(user=user, mean=mean, std=std)))


@pytest.mark.parametrize(("mean", "std"), [(f"[{MEAN}]", f"[{STD}]"), (f'"{MEAN}"', f'"{STD}"')])
def test_a_study_normalises_and_reads_the_published_parts(user, tmp_path, mean, std):
    findings = Experiment.create(study(user, mean, std), tmp_path / "run").run()
    assert "normalised by mean 0.75, std 0.1" in findings.data
    clean = findings.scores["regular"]["clean"]
    assert clean.n == len(three(digits().test)) and clean.percent > 90
    assert findings.results[0].f_b == ("5",)
    assert not any("other inputs" in sentence for sentence in findings.warnings)
    assert load(tmp_path / "run" / "config.toml").data == study(user, mean, std).data


def test_a_study_says_when_the_normalisation_is_missing(user, tmp_path):
    run = tmp_path / "run"
    findings = Experiment.create(study(user, "[]", "[]"), run).run()
    for name in ("regular", "robust"):
        assert any(
            said.startswith(f"{name} network: The network gets") and "--mean" in said
            for said in findings.warnings
        )
    text = (run / "config.toml").read_text()
    assert "mean = []" in text and "std = []" in text
    changed = text.replace("mean = []", "mean = [0.5]").replace("std = []", "std = [0.5]")
    (run / "config.toml").write_text(changed)
    with pytest.raises(ValueError, match=r"data.mean: \[\] -> \[0.5\]"):
        Experiment.open(run).run()


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ("[0.5]", "[]", r"\[data\]: `mean` is given without `std`"),
        ("[]", "[0.5]", r"\[data\]: `std` is given without `mean`"),
        ('"imagnet"', "[]", r"\[data\]: .*Did you mean 'imagenet'"),
        ("[123.0]", "[58.0]", r"\[data\]: .*Divide numbers for pixels"),
        ("0.5", "0.5", r"`data.mean` must be a list, got 0.5. Write it as \[0.5\]"),
        ("[true]", "[0.5]", r"`data.mean\[0\]` must be a number"),
    ],
)
def test_means_of_a_study_are_checked_before_anything_runs(user, tmp_path, mean, std, message):
    with pytest.raises(ConfigError, match=message):
        Experiment.create(study(user, mean, std), tmp_path / "run")
