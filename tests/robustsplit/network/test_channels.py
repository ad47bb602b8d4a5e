import numpy as np
import pytest
import torch

from robustsplit.network.channels import UnitSketch, unit_axis, units_of

RNG = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("shape", "channels_last", "axis"),
    [
        ((7,), None, 0),
        ((3, 4, 5), None, 0),
        ((3, 4, 5), False, 0),
        ((3, 4, 5), True, 2),
        ((9, 5), None, 1),
        ((9, 5), False, 0),
    ],
)
def test_units_are_neurons_channels_and_features(shape, channels_last, axis):
    assert unit_axis(shape, channels_last) == axis
    units = units_of(shape, channels_last).reshape(shape)
    expected = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    assert (units == expected).all()


def test_a_sketch_keeps_narrow_layers_and_projects_wide_ones():
    rows = torch.randn(6, 3, 40, 40, generator=RNG)
    narrow = UnitSketch(5000).bind("conv")(rows)
    assert torch.equal(narrow, rows.flatten(1))
    wide = UnitSketch(100).bind("conv")(rows)
    assert wide.shape == (6, 3 * 34)


def test_units_never_mix():
    rows = torch.randn(6, 3, 40, 40, generator=RNG)
    one = UnitSketch(90).bind("conv", False)
    whole = one(rows)
    rows[:, 1] *= 100
    changed = one(rows)
    assert torch.equal(whole[:, :30], changed[:, :30])
    assert torch.allclose(100 * whole[:, 30:60], changed[:, 30:60], rtol=1e-4)


def test_inner_products_are_kept_on_average():
    rows = torch.randn(5, 2, 50, 50, generator=RNG).double()
    exact = rows.flatten(1) @ rows.flatten(1).T
    found = [
        sketched @ sketched.T
        for seed in range(200)
        for sketched in [UnitSketch(200, seed).bind("conv")(rows)]
    ]
    mean, sd = torch.stack(found).mean(0), torch.stack(found).std(0)
    assert ((mean - exact).abs() <= 4 * sd / 200**0.5 + 1e-9).all()
    assert (sd < 2 * exact.diagonal().mean() / 200**0.5).all()


def test_batches_are_projected_alike_and_layers_apart():
    rows = torch.randn(6, 3, 40, 40, generator=RNG)
    sketch = UnitSketch(100, seed=3)
    bound = sketch.bind("conv")
    assert torch.allclose(torch.cat([bound(rows[:2]), bound(rows[2:])]), sketch.bind("conv")(rows))
    assert not torch.equal(sketch.bind("conv")(rows), sketch.bind("other")(rows))


def test_inputs_of_another_size_are_refused():
    bound = UnitSketch(10).bind("conv")
    bound(torch.randn(2, 3, 8, 8))
    with pytest.raises(ValueError, match="inputs of one size"):
        bound(torch.randn(2, 3, 9, 9))
    with pytest.raises(ValueError, match="at least 1"):
        UnitSketch(0)
