"""What a study works on: images, attack, weights, and their fingerprints."""

import numpy as np
import pytest
import torch
from torch import nn

from robustsplit.study.config import load, parse
from robustsplit.study.experiment import Experiment
from robustsplit.study.inputs import fingerprint, load_data


def test_fewer_images_keep_the_shares_of_the_classes(tmp_path):
    labels = np.repeat([0, 1, 2], [60, 30, 30])  # sorted by class, as a folder is
    parts = ("train", "val", "test")
    drawn = np.random.default_rng(0).random((3, 120, 1, 2, 2), dtype=np.float32)
    arrays = {f"x_{part}": inputs for part, inputs in zip(parts, drawn, strict=True)}
    arrays |= {f"y_{part}": labels for part in parts}
    np.savez(tmp_path / "sorted.npz", **arrays)
    table = {"source": "npz", "path": str(tmp_path / "sorted.npz"), "max_train": 40, "max_test": 8}
    data = load_data(parse({"data": table}))
    assert list(data.train.counts.values()) == [20, 10, 10]
    assert list(data.validation.counts.values()) == [4, 2, 2]
    assert torch.equal(data.train.inputs[:20], torch.from_numpy(drawn[0, :20]))


def test_missing_weights_are_said_before_any_training(study, tmp_path):
    with pytest.raises(FileNotFoundError, match="No weights file nope"):
        Experiment.create(load(study, ["model.robust_weights=nope.pt"]), tmp_path / "run").run()
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_fingerprint_changes_with_every_tensor():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    before = fingerprint(model)
    assert fingerprint(model) == before
    for value in model.state_dict().values():
        value += 1
        assert fingerprint(model) != before
        before = fingerprint(model)
