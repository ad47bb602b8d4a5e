"""Files of weights: read without running what they bring, or refused in words."""

import collections
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from robustsplit.loading import build_model, load_weights
from tests.robustsplit.savable import assert_same, build


@pytest.mark.parametrize("content", [b"hello, no weights", b"\x80\x02garbage", b""])
def test_garbage_is_no_file_of_weights(content, user, tmp_path):
    (tmp_path / "w.pt").write_bytes(content)
    with pytest.raises(ValueError, match="damaged or no file of weights"):
        load_weights(build_model(f"{user}/nets.py:tiny"), tmp_path / "w.pt")


def test_a_checkpoint_in_several_files(tmp_path):
    state = build().state_dict()
    places = {}
    for number, name in enumerate(state):
        file = f"model-{number % 2}.safetensors"
        places[name] = file
    for file in set(places.values()):
        save_file({n: state[n] for n, place in places.items() if place == file}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    model = build(seed=1)
    load_weights(model, index)
    assert_same(model, state)
    with pytest.raises(ValueError, match="is a folder"):
        load_weights(model, tmp_path)
    index.write_text(json.dumps({"weight_map": {"a": "../w.pt"}}))
    with pytest.raises(ValueError, match="names files in other folders"):
        load_weights(model, index)
    index.write_text(json.dumps({"weight_map": {"a": "model-0.safetensors"}}))
    with pytest.raises(ValueError, match="promises 'a', which is not in model-0"):
        load_weights(model, index)


class Sub(nn.Module):
    """Not a type that may come out of a file."""


def test_no_code_of_a_file_runs(tmp_path):
    state = build().state_dict()
    for content in (Sub(), {"state_dict": state, "model": Sub()}, [state, collections.UserDict()]):
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(ValueError, match=r"is refused: it holds more than tensors"):
            load_weights(build(), tmp_path / "w.pt")
    torch.save(state, tmp_path / "w.pt", pickle_protocol=4)
    with pytest.raises(ValueError, match="is refused: its pickle protocol is newer"):
        load_weights(build(), tmp_path / "w.pt")
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "w.pt")
    with pytest.raises(ValueError, match="holds a TorchScript program"):
        load_weights(build(), tmp_path / "w.pt")
