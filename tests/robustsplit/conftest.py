"""One thread for torch, since on tensors this small a second one only waits; a user's folder."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from robustsplit.loading import build_model
from tests.robustsplit.tiny import images, write_study


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def user(tmp_path_factory):
    """A folder with a network, its weights in several forms, and test images."""
    folder = tmp_path_factory.mktemp("user")
    write_study(folder)
    model = build_model(f"{folder}/nets.py:tiny", seed=1)
    state = model.state_dict()
    save_file(state, folder / "w.safetensors")
    torch.save(state, folder / "w.pt")
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}, "epoch": 3},
               folder / "wrapped.pt")  # fmt: skip
    torch.save(model, folder / "whole.pt")
    x, y = images()
    np.savez(folder / "test.npz", x=x[:150], y=y[:150])
    return folder
