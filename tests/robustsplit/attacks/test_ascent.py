"""The ball: random starts, steps and projections."""

import math

import torch

from robustsplit.attacks.ascent import Ball


def test_random_starts_fill_the_ball_evenly():
    """In d dimensions the share of the ball within r is r^d; 4 standard errors at n = 4000."""
    n = 4000
    x = torch.full((n, 3), 0.5)
    for norm in ("l2", "linf"):
        start = Ball(x, 0.4, norm, (0, 1)).random_point(torch.Generator().manual_seed(0)) - x
        radius = start.norm(dim=1) if norm == "l2" else start.abs().amax(dim=1)
        assert radius.max() <= 0.4 * (1 + 1e-6)
        share = (radius < 0.2).double().mean()
        assert abs(share - 0.125) < 4 * math.sqrt(0.125 * 0.875 / n)
        assert start.mean(dim=0).abs().max() < 0.03
