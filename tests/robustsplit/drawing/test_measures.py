"""Columns of pairs: read from records and from files, averaged over trials."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from robustsplit.drawing import MEASURES, Measure, RhoDepthDisplay
from robustsplit.drawing.measures import column, rho_of_rows
from tests.robustsplit.fakes import profile


def test_columns_are_averaged_and_independent_only_if_always_so():
    first, second = profile().pairs, profile(shift=1.0).pairs
    np.testing.assert_allclose(column([first, second], "rho"), column([first], "rho") + 0.5)
    apart = profile(verdict="not distinguishable from independence").pairs
    assert not column([first, apart], "independent").any()
    assert column([apart, apart], "independent").all()


def test_a_column_that_records_lack_is_missing_not_wrong():
    assert np.isnan(column([profile().pairs], "precision")).all()


def test_rho_of_a_file_is_the_least_of_the_converged_trials():
    rows = pd.DataFrame(
        {"trial": [0, 1, 2], "converged": [False, True, True], "rho_nats": [0.1, 0.5, 0.4]}
    )
    np.testing.assert_allclose(rho_of_rows(rows, [rows]), [0.4])


def test_a_further_measure_is_drawn_by_its_name_and_not_scaled(monkeypatch):
    monkeypatch.setitem(MEASURES, "cka", Measure("CKA", null="cka_null", information=False))

    @dataclass
    class Pair:
        parent: str
        child: str
        offset: int
        cka: float
        cka_null: float = 0.1
        rho: float = 1.0
        verdict: str = "magnitude usable"
        interval: tuple[float, float] = (0.0, 1.0)

    @dataclass
    class Measured:
        pairs: list[Pair]

    measured = Measured([Pair("a", "b", 1, 0.3), Pair("b", "c", 0, 0.7)])
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    display = RhoDepthDisplay.from_profile(measured).plot(ax, quantity="cka")
    np.testing.assert_allclose(display.line_.get_ydata(), [0.3, 0.7])
    assert ax.get_ylabel() == "CKA"
    with pytest.raises(ValueError, match=r"No quantity named 'ckaa'\. Did you mean 'cka'"):
        display.plot(ax, quantity="ckaa")
