"""The stages of a run: what is trained or loaded, what is cut, what is measured."""

import pytest

from robustsplit.io import Store
from robustsplit.study.config import load
from robustsplit.study.experiment import Experiment
from tests.robustsplit.tiny import write_study


def test_own_weights_replace_training(study, finished, tmp_path):
    from safetensors.torch import save_file

    saved = Store(finished[0] / "checkpoints").load("regular/state")["tensors"]
    weights = {k.removeprefix("model."): v for k, v in saved.items() if k.startswith("model.")}
    save_file(weights, tmp_path / "w.safetensors")
    config = load(study, [f"model.weights={tmp_path / 'w.safetensors'}"])
    Experiment.create(config, tmp_path / "run").run()
    assert not (tmp_path / "run" / "checkpoints" / "regular").exists()
    assert (tmp_path / "run" / "rho.csv").read_bytes() == (finished[0] / "rho.csv").read_bytes()


def test_cuts_and_measurements_count_shortcuts_alike(tmp_path):
    path = write_study(tmp_path, **{"nets.py:tiny": "nets.py:Residual", "[1, 2]": "[2]"})
    (tmp_path / "nets.py").write_text(RESIDUAL)
    short = ["train.epochs=1", "robust.epochs=1", "algorithm1.trials=1", "algorithm1.epochs=1"]
    for kind, f_b in (("exclude", ("two", "head")), ("include", ("project", "head"))):
        config = load(path, [*short, f"mi.shortcuts={kind}"])
        findings = Experiment.create(config, tmp_path / kind).run(progress=False)
        (result,) = findings.results
        assert result.f_b == f_b
        assert [pair.child for pair in result.trials[0].profile.pairs] == list(f_b)
        children = [pair.child for pair in findings.profiles["regular"].pairs]
        assert ("project" in children) is (kind == "include")


@pytest.mark.parametrize("text", ["mi.max_per_class=2", "data.max_test=6"])
def test_too_few_test_images_are_said_before_any_training(study, tmp_path, text):
    with pytest.raises(ValueError, match="at least 5 inputs in each class"):
        Experiment.create(load(study, [text]), tmp_path / "run").run()
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_unknown_cut_names_the_nearest_layer(study, tmp_path):
    config = load(study, ["split.last=[]", 'split.at=["33"]'])
    with pytest.raises(ValueError, match="Did you mean '3'"):
        Experiment.create(config, tmp_path / "run").run()


RESIDUAL = """
import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(64, 5), nn.Linear(5, 5), nn.Linear(5, 5)
        self.project, self.head = nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x.flatten(1)))
        return self.head(self.two(torch.relu(self.one(x))) + self.project(x))
"""
