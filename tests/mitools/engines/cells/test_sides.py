"""How one side falls into cells: constants, rare values, periods, labels."""

import numpy as np
import pytest

from mitools import EDGE
from mitools.engines.linear.directions import random_directions

pytestmark = pytest.mark.filterwarnings("error")


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


@pytest.mark.parametrize("d", [1, 5])
def test_constant_sides_give_exactly_zero(d):
    noise = np.random.default_rng(0).normal(size=(200, d))
    assert EDGE().estimate(np.ones((200, d)), noise).value == 0
    assert EDGE().estimate(noise, np.ones((200, d))).value == 0
    assert EDGE().estimate(np.ones((200, d)), np.zeros((200, d))).value == 0


@pytest.mark.parametrize("d", [1, 2, 6, 126])
@pytest.mark.parametrize("projection", ["auto", "none"])
@pytest.mark.parametrize("constants", [1, 5, 200])
def test_constant_columns_change_no_bit(d, projection, constants):
    x, y = gaussian(400, 0.9, d, 0)
    estimator = EDGE(projection=projection)
    padded = np.insert(x, [0] * (constants - 1) + [d], 7.0, axis=1)
    assert estimator.estimate(padded, y).value == estimator.estimate(x, y).value
    assert estimator.estimate(y, padded).value == estimator.estimate(y, x).value
    orders = np.random.default_rng(0).permutation(400)[None]
    shuffled = [estimator.prepare(side, y).permuted(orders) for side in (padded, x)]
    assert shuffled[0] == shuffled[1]
    streamed, plain = (
        estimator.fit_hash(side[:200], y[:200]).update(side, y).finalize() for side in (padded, x)
    )
    assert streamed.value == plain.value


def test_constant_columns_beside_labels_change_no_bit():
    labels = np.random.default_rng(0).integers(4, size=(400, 1))
    x = labels + np.random.default_rng(1).normal(size=(400, 2))
    padded = np.insert(labels, 0, 3, axis=1)
    assert EDGE().estimate(padded, x).value == EDGE().estimate(labels, x).value
    state = EDGE().fit_hash(padded, x).update(padded, x)
    assert state.finalize().value == EDGE().fit_hash(labels, x).update(labels, x).finalize().value
    with pytest.raises(ValueError, match="1 rows hold values that the sample"):
        state.update([[9, 0]], x[:1])


def test_columns_that_are_seldom_not_zero_are_seen():
    # Every 500th row, none of which even strides would have to meet.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 5))
    rare = np.zeros(20_000)
    rare[3::200] = 1e4 * rng.normal(size=100)
    directions = random_directions(np.column_stack([x, rare]), 4, 0)
    assert (np.abs(directions[5]) > 0).all()
    projected = directions[5] * rare.std()
    assert np.abs(projected).max() < 5


def test_periodic_data_do_not_beat_with_the_sample_of_rows():
    # Rows come in turn from two populations far apart, over a power of two of rows.
    rng = np.random.default_rng(0)
    n = 1 << 17
    x = rng.normal(size=n) + 100 * (np.arange(n) % 2)
    y = x + rng.normal(size=n)
    # ln 2 of the population, and ln(2) / 2 within each
    assert EDGE().estimate(x, y).value == pytest.approx(1.5 * np.log(2), abs=0.03)
