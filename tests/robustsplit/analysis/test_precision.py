import numpy as np
import pytest
import torch
from torch import nn

from robustsplit.analysis import connectivity
from robustsplit.analysis.precision import SWEEP
from robustsplit.precision import WithinClasses, capacity
from tests.robustsplit.network.test_activations import Residual

QUICK = {"n_permutations": 3, "n_halves": 2, "cross_check": None, "released": False}
RNG = torch.Generator().manual_seed(0)
INPUTS = torch.rand(150, 1, 6, 6, generator=RNG)
LABELS = torch.arange(3).repeat(50)


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 8), nn.ReLU(),
                         nn.Linear(8, 3))  # fmt: skip


def test_every_pair_says_what_is_kept_at_the_headline_and_along_the_sweep():
    profile = connectivity(net(), (INPUTS, LABELS), tau=0.2, **QUICK)
    for pair in profile.pairs:
        assert [found.tau for found in pair.precisions] == [0.2, *SWEEP]
        head = pair.at_precision
        assert head is pair.precisions[0] and head.reading in ("bracketed", "upper bound only")
        assert 0 < head.lower <= head.upper <= head.capacity
        kept = [found.capacity for found in sorted(pair.precisions, key=lambda one: -one.tau)]
        assert kept == sorted(kept)  # more is kept at a finer precision
    frame = profile.to_frame()
    assert frame["kept_upper"].notna().all() and set(frame["tau"]) == {0.2}


def test_the_capacity_is_that_of_the_layer_as_the_next_one_sees_it():
    model = net()
    found = connectivity(model, (INPUTS, LABELS), **QUICK).pairs[0].at_precision
    with torch.no_grad():
        seen = model[:5](INPUTS).numpy()
    expected = capacity(WithinClasses.of(seen, LABELS.numpy()), 0.3).value
    assert found.capacity == pytest.approx(expected, rel=1e-5)


def test_rescaling_a_unit_and_its_outgoing_weights_changes_nothing():
    one, other = net(), net()
    with torch.no_grad():
        scale = torch.tensor([10.0, 0.1, 1.0, 5.0])
        other[0].weight *= scale[:, None, None, None]
        other[0].bias *= scale
        other[3].weight /= scale.repeat_interleave(16)
    a, b = (connectivity(m, (INPUTS, LABELS), point="pre", **QUICK) for m in (one, other))
    for first, second in zip(a.pairs, b.pairs, strict=True):
        assert first.at_precision.capacity == pytest.approx(second.at_precision.capacity, rel=1e-4)


def test_behind_a_skip_connection_only_the_upper_side_and_the_linear_part_are_known():
    torch.manual_seed(0)
    profile = connectivity(Residual(), (INPUTS, LABELS), **QUICK)
    found = profile["outer"].at_precision
    assert found.reading == "not a function of the layer before"
    assert np.isnan(found.lower) and found.upper <= found.capacity
    assert found.linear > found.linear_null and found.linear_p <= 0.05


def test_wide_layers_are_sketched_and_keep_their_capacity():
    whole = connectivity(net(), (INPUTS, LABELS), point="pre", **QUICK)
    torch.manual_seed(0)
    wide = nn.Sequential(
        nn.Conv2d(1, 64, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(2304, 3)
    )
    full, less = (
        connectivity(wide, (INPUTS, LABELS), memory=memory, point="post", **QUICK)
        for memory in (2**31, 1)
    )
    assert any("projected" in note for note in less.settings["notes"])
    assert whole.settings["notes"] == full.settings["notes"]
    a, b = (profile.pairs[0].at_precision for profile in (full, less))
    assert a.capacity == pytest.approx(b.capacity, rel=0.05)


def test_a_dead_layer_keeps_nothing():
    model = net()
    with torch.no_grad():
        model[3].weight.zero_()
        model[3].bias.fill_(-1.0)
    found = connectivity(model, (INPUTS, LABELS), **QUICK).pairs[0].at_precision
    assert found.reading == "no variation within classes" and found.upper == 0.0


def test_a_precision_of_zero_is_refused_before_anything_runs():
    with pytest.raises(ValueError, match="`tau` must be a positive number, got 0"):
        connectivity(net(), (INPUTS, LABELS), tau=0, **QUICK)
