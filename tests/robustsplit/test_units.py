"""Nats inside, bits on display: one factor."""

import numpy as np
import pytest

from robustsplit.units import UNITS, per_nat


def test_a_fair_coin_has_one_bit():
    assert np.log(2) * per_nat("bits") == pytest.approx(1.0, abs=1e-15)
    assert per_nat("nats") == 1.0
    assert {unit for unit in UNITS if per_nat(unit) > 0} == {"bits", "nats"}


def test_another_unit_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"No unit named 'bit'\. Did you mean 'bits'"):
        per_nat("bit")
