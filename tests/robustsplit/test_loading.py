"""A user's own network: its factory and its weights."""

import sys

import pytest
import torch
from safetensors.torch import save_file

from robustsplit.loading import build_model, load_factory, load_weights


@pytest.mark.parametrize("content", [b"hello, no weights", b"\x80\x02garbage", b""])
def test_garbage_is_no_file_of_weights(content, user, tmp_path):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match="damaged or no file of weights"):
        load_weights(build_model(f"{user}/nets.py:tiny"), tmp_path / "w.pt")


def test_factories_are_seeded_and_leave_the_generator_alone(user):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, two, other = (build_model(f"{user}/nets.py:tiny", seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one[1].weight, two[1].weight)
    assert not torch.equal(one[1].weight, other[1].weight)
    path = list(sys.path)
    load_factory(f"{user}/nets.py:tiny")
    assert sys.path == path


def test_weights_that_do_not_fit_are_explained(user, tmp_path):
    model = build_model(f"{user}/nets.py:tiny")
    state = model.state_dict()
    renamed = {("1.wieght" if key == "1.weight" else key): value for key, value in state.items()}
    save_file(renamed, tmp_path / "renamed.safetensors")
    with pytest.raises(ValueError, match=r"1 .* missing and 1 are unexpected.*mean '1\.weight'"):
        load_weights(model, tmp_path / "renamed.safetensors")
    other = build_model(f"{user}/nets.py:tiny", {"width": 7})
    with pytest.raises(ValueError, match=r"'1\.weight' has shape \(6, 64\) .* \(7, 64\)"):
        load_weights(other, user / "w.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((user / "w.safetensors").read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_weights(model, tmp_path / "cut.safetensors")
