"""Profiles: pairs by name, and as a frame."""

import numpy as np
import pytest

from tests.robustsplit.fakes import LAYERS, profile


def test_a_pair_is_found_by_its_later_layer():
    assert profile()["fc1"].parent == "conv4"
    with pytest.raises(KeyError, match="Did you mean 'fc1'"):
        profile()["fc11"]


def test_the_frame_has_a_row_per_pair_and_the_excess():
    frame = profile().to_frame()
    assert list(frame["child"]) == list(LAYERS[1:])
    np.testing.assert_allclose(frame["excess"], frame["rho"] - frame["null_mean"])
