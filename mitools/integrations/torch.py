"""EDGE on torch tensors where they are: hashed and counted on their device.

Only the sample that fixes the hash and the distinct cells with their counts move to the host.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mitools.engines.cells.pair import HashedPair, Table
from mitools.engines.cells.sides import Grid, Side
from mitools.engines.cells.state import CountState
from mitools.estimators.base import Estimate
from mitools.estimators.edge import EDGE
from mitools.samples.messages import require
from mitools.streaming import SAMPLE, as_edge, fit_sample, sample_rows, sample_size

if TYPE_CHECKING:
    import torch

__all__ = ["mutual_information", "update"]

#: Rows counted at once: some 400 MB on the device.
ROWS = 1 << 22


def mutual_information(
    x: torch.Tensor, y: torch.Tensor, *, estimator: EDGE | None = None, sample: int = SAMPLE
) -> Estimate:
    """Estimate I(X; Y) of tensors that stay on their device.

    Args:
        x: Samples of X, with shape (n, ...) or (n,), on any device with float64.
        y: Paired samples of Y, on the same device.
        estimator: An `EDGE`; ``EDGE()`` when not given.
        sample: How many rows, from all over, fix the hash; as in `stream_information`.

    Returns:
        The estimate in nats: to the last bit what `stream_information` returns for the same
        arrays; above three columns nearly so, because torch rounds projections in its own way.

    Raises:
        MissingExtraError: Without torch.
        TypeError: For what is no tensor of real numbers, or an estimator that is no `EDGE`.
        ValueError: For bad data, or tensors on different devices.

    Example:
        >>> import torch
        >>> generator = torch.Generator().manual_seed(0)
        >>> x = torch.randn(20_000, generator=generator)
        >>> y = x + torch.randn(20_000, generator=generator)
        >>> abs(mutual_information(x, y).value - 0.347) < 0.03  # ln(2) / 2
        True
    """
    estimator = as_edge(estimator)
    x, y = _paired(x, y)
    n = len(x)
    chosen = sample_rows(n, sample_size(sample, n, estimator), estimator.seed)
    rows = (
        require("torch", extra="torch", purpose="Counting tensors").as_tensor(chosen).to(x.device)
    )
    state = fit_sample(tuple(side[rows].cpu().numpy() for side in (x, y)), estimator)
    assert isinstance(state, CountState)
    return update(state, x, y).finalize()


def update(state: CountState, x: torch.Tensor, y: torch.Tensor) -> CountState:
    """Return the state with the rows of tensors counted as well, as `CountState.update` does.

    Args:
        state: A state from `EDGE.fit_hash`, perhaps with counts.
        x: Samples of X, with shape (n, ...) or (n,).
        y: Paired samples of Y, on the same device.

    Returns:
        The state to which the counts were added, in the host's memory.

    Raises:
        TypeError: For what is no tensor of real numbers.
        ValueError: For bad data, other dimensions than the hash's, discrete values it never saw,
            or tensors on different devices.
    """
    x, y = _paired(x, y)
    state._check_width("x", x.shape[1])
    state._check_width("y", y.shape[1])
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS], y[start : start + ROWS]
        tables = tuple(_count(hashed, *rows) for hashed in state.blocks)
        state = state.merge(replace(state, tables=tables, n_samples=len(rows[0])))
    return state


def _paired(x: Any, y: Any) -> tuple[torch.Tensor, torch.Tensor]:
    torch = require("torch", extra="torch", purpose="Counting tensors")
    sides = []
    for name, side in (("x", x), ("y", y)):
        if not isinstance(side, torch.Tensor) or side.is_complex():
            kind = side.dtype if isinstance(side, torch.Tensor) else type(side).__name__
            raise TypeError(
                f"`{name}` must be a tensor of real numbers, got {kind}. Use "
                "`mitools.mutual_information` for other arrays."
            )
        if side.ndim == 0 or side.numel() == 0:
            raise ValueError(
                f"`{name}` must hold samples, with shape (n,) or (n, ...), got "
                f"{tuple(side.shape)}."
            )
        side = side.detach().reshape(len(side), -1).to(torch.float64)
        bad = int((~torch.isfinite(side)).any(dim=1).sum())
        if bad:
            raise ValueError(
                f"`{name}` has NaN or infinite values in {bad} of {len(side)} rows. Drop those "
                "rows from both sides (they are paired), or fill them in."
            )
        sides.append(side)
    if len(sides[0]) != len(sides[1]):
        raise ValueError(
            f"`x` and `y` must have one row per sample, got {len(sides[0])} and {len(sides[1])}."
        )
    if sides[0].device != sides[1].device:
        raise ValueError(
            f"`x` is on {sides[0].device} and `y` on {sides[1].device}. Move one: "
            "`y = y.to(x.device)`."
        )
    return sides[0], sides[1]


def _count(hashed: HashedPair, x: torch.Tensor, y: torch.Tensor) -> tuple[Table, ...]:
    """Do what `HashedPair.count` does."""
    import torch

    first, second = (
        ((hashed.y, y), (hashed.x, x)) if hashed.swapped else ((hashed.x, x), (hashed.y, y))
    )
    u, v = _coordinates(*first), _coordinates(*second)
    tables = []
    for grid in hashed.grids:
        a, b = _cells(first[0], u, grid), _cells(second[0], v, grid)
        if hashed.interleaved:
            joint = (_spread(a) << 1) | _spread(b)
        else:
            joint = (a << hashed.low_bits(grid.steps)) | b
        codes, counts = torch.unique(joint, return_counts=True)
        tables.append((codes.cpu().numpy().astype(np.uint64), counts.cpu().numpy()))
    return tuple(tables)


def _coordinates(side: Side, rows: torch.Tensor) -> torch.Tensor:
    """Do what `Side.coordinates` does."""
    import torch

    if side.labels is not None:  # few distinct rows, looked up where the labels are
        distinct, inverse = torch.unique(rows, dim=0, return_inverse=True)
        codes = side.coordinates(np.ascontiguousarray(distinct.cpu().numpy()))
        return torch.from_numpy(codes).to(rows.device)[inverse]
    if side.projection is not None:
        rows = rows @ torch.from_numpy(side.projection).to(rows)
    columns = [
        _quantiles(rows[:, j].contiguous(), torch.from_numpy(knots).to(rows.device))
        for j, knots in enumerate(side.knots)
    ]
    return torch.stack(columns, dim=1)


def _quantiles(values: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    """Do what `margin_quantiles` does, operation by operation, so that it rounds the same."""
    import torch

    m = len(knots)
    low = torch.searchsorted(knots, values)
    last = torch.searchsorted(knots, values, right=True) - 1
    right = low.clamp(1, m - 1) if m > 1 else low.clamp(max=0)
    left, width = knots[right - 1], knots[right] - knots[right - 1]
    between = (low - 0.5 + (values - left) / width) / m
    out = torch.where(last >= low, (0.5 * (low + last) + 0.5) / m, between)
    for beyond, step, below in (
        (knots[0] - values, knots[1:2] - knots[:1], True),
        (values - knots[-1], knots[-1:] - knots[-2:-1], False),
    ):
        rank = 0.5 - beyond / step if m > 1 else torch.zeros_like(out)
        rank = torch.where(rank > 0.25, rank, 0.25)
        out = torch.where(beyond > 0, (rank if below else m - rank) / m, out)
    return out


def _cells(side: Side, quantiles: torch.Tensor, grid: Grid) -> torch.Tensor:
    """Do what `cell_codes` does."""
    import torch

    if side.discrete:
        return quantiles[:, 0].to(torch.int64)
    width = len(grid.shifts)
    depth = -(-grid.steps // width)
    cells = [
        ((quantiles[:, j] * grid.scale + float(grid.shifts[j])) * 2.0**depth).to(torch.int64)
        for j in range(quantiles.shape[1])
    ]
    code = torch.zeros(len(quantiles), dtype=torch.int64, device=quantiles.device)
    for step in range(grid.steps):
        j = int(grid.order[step % width])
        code <<= 1
        if j < len(cells):
            code |= (cells[j] >> (depth - 1 - step // width)) & 1
    return code


def _spread(code: torch.Tensor) -> torch.Tensor:
    """Put a zero bit before each bit (the usual Morton masks)."""
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        code = (code | (code << shift)) & mask
    return code
