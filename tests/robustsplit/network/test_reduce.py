"""What hooks do before they keep an activation."""

import torch
from torch import nn

from robustsplit.network import Sketch, collect

ROWS = torch.randn(6, 4)


def test_reductions():
    model = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.ReLU(), nn.Conv2d(5, 6, 3), nn.Flatten(), nn.Linear(96, 2)
    )
    x = torch.randn(4, 3, 8, 8)
    flat = collect(model, x, reduce="flatten")
    pooled = collect(model, x, reduce="gap")
    assert [tuple(rows.shape) for rows in pooled.values()] == [(4, 5), (4, 96), (4, 2)]
    torch.testing.assert_close(pooled["0"], flat["0"].view(4, 5, 36).mean(2))
    own = collect(model, x, ["0"], reduce=lambda a: a[:, :, 0, 0])
    torch.testing.assert_close(own["0"], flat["0"].view(4, 5, 36)[:, :, 0])


def test_gap_averages_over_tokens_and_keeps_features():
    model = nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3), nn.Flatten(), nn.Linear(18, 2))
    x = torch.randn(2, 6, 4)
    pooled = collect(model, x, reduce="gap", point="pre")
    torch.testing.assert_close(pooled["0"], model[0](x).mean(1).detach())


def test_sketch_is_a_fixed_projection_by_seed_and_name():
    model, sketch = nn.Sequential(nn.Linear(4, 50), nn.Linear(50, 50), nn.Linear(50, 3)), Sketch(7)
    raw = collect(model, ROWS)
    first = collect(model, ROWS, reduce=sketch)
    again = collect(model, ROWS, reduce=Sketch(7), batch_size=2)
    other = collect(model, ROWS, reduce=Sketch(7, seed=1))
    assert [rows.shape[1] for rows in first.values()] == [7, 7, 3]
    for name in ("0", "1"):
        torch.testing.assert_close(first[name], raw[name] @ sketch.matrix(name, 50))
        torch.testing.assert_close(first[name], again[name])
        assert not torch.allclose(first[name], other[name])
    assert torch.equal(first["2"], raw["2"])  # too narrow to project
    assert not torch.equal(sketch.matrix("0", 50), sketch.matrix("1", 50))


def test_sketch_keeps_lengths_on_average():
    matrix = Sketch(4000).matrix("layer", 30)
    x = torch.ones(1, 30)
    # sum of 4000 squares of N(0, 1): relative sd sqrt(2 / 4000) = 0.022; four of them allowed
    assert abs((x @ matrix).square().mean().item() - 1.0) < 0.09
