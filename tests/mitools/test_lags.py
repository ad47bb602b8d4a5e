"""Mutual information against lag: closed forms, level, and what a coupling elsewhere does."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mitools import EDGE, KSG, Gaussian, GaussianCopula, lagged_information
from mitools.cli import app
from mitools.estimators.sample import Sample
from mitools.evidence.pairings import orders


def series(rng, n, phi=0.8):
    return lfilter([1], [1, -phi], rng.normal(size=n + 200))[200:]


def delayed(seed, n, delay, phi=0.8, share=0.8):
    """x, and y that is x of `delay` rows before, with noise; both of variance 1 / (1 - phi^2)."""
    rng = np.random.default_rng(seed)
    whole = series(rng, n + 100, phi)
    x = whole[50:][:n]
    return x, share * whole[50 - delay :][:n] + np.sqrt(1 - share**2) * series(rng, n, phi)


@pytest.mark.parametrize("estimator", [GaussianCopula(), KSG(k=10)], ids=repr)
@pytest.mark.parametrize("delay", [0, 4])
def test_values_follow_the_cross_covariance(estimator, delay):
    """x_t and y_{t + l} correlate by share phi^|l - delay|: I = -ln(1 - rho^2) / 2."""
    x, y = delayed(0, 20_000, delay, phi=0.7)
    found = lagged_information(x, y, lags=range(-2, 9), estimator=estimator, n_permutations=3)
    rho = 0.8 * 0.7 ** np.abs(found.lags - delay)
    assert np.abs(found.values + 0.5 * np.log(1 - rho**2)).max() < 0.03
    assert found.peak == delay


def test_sides_change_the_sign_of_the_lag():
    x, y = delayed(1, 400, 3)
    one = lagged_information(x, y, lags=6, estimator=Gaussian(), n_permutations=3)
    other = lagged_information(y, x, lags=6, estimator=Gaussian(), n_permutations=3)
    assert (one.peak, other.peak) == (3, -3)
    assert np.allclose(one.values, other.values[::-1], rtol=1e-12)
    assert np.array_equal(one.n_samples, 400 - np.abs(one.lags))


def test_each_value_is_that_of_the_rows_so_far_apart():
    x, y = delayed(2, 300, 2)
    found = lagged_information(x, y, lags=[5, -3, 0], n_permutations=3)
    assert found.lags.tolist() == [-3, 0, 5]
    pairs = (x[3:], y[:-3]), (x, y), (x[:-5], y[5:])
    naive = [KSG().estimate(*pair).value for pair in pairs]
    assert found.values.tolist() == naive


@pytest.mark.filterwarnings("error")
def test_independent_series_are_called_dependent_at_few_lags():
    p, claims = [], 0
    for seed in range(40):
        rng = np.random.default_rng([9, seed])
        x, y = series(rng, 400, 0.9), series(rng, 400, 0.9)
        found = lagged_information(
            x, y, lags=range(-10, 11, 5), estimator=GaussianCopula(), n_permutations=99
        )
        p.extend(found.p_values)
        claims += found.dependent.any()
    assert np.mean(np.array(p) <= 0.05) <= 0.12  # 0.05 expected; lags of a pair are alike
    assert claims <= 3


def test_coupled_series_are_found_at_their_lag_and_around_it():
    x, y = delayed(3, 600, -4)
    found = lagged_information(x, y, lags=8, estimator=GaussianCopula())
    assert found.peak == -4
    assert found.dependent[found.lags == -4].all()
    assert not found.dependent[found.lags > 4].any()
    assert "y comes first" in str(found)


def test_shifts_do_not_meet_the_coupling_at_another_lag():
    x, y = delayed(4, 400, 30, phi=0.0)
    found = lagged_information(
        x, y, lags=range(0, 31, 15), estimator=Gaussian(), n_permutations=2000
    )
    assert max(null.values.max() for null in found.nulls) < 0.2 < found.values[-1]
    near = [Sample.of_pair(x[:, None], y[:, None], 1)]  # the shifts of `assess` do meet it
    null, _ = near[0].prepare(Gaussian()).null(2000, np.random.default_rng(0))
    assert null.values.max() > 0.3
    shifts = orders(400, 500, 1, np.random.default_rng(0), least_shift=31)[:, 0]
    assert (shifts.min(), shifts.max()) == (31, 369)


def test_workers_change_no_bit():
    x, y = delayed(5, 300, 1)
    one, two = (
        lagged_information(x, y, lags=3, estimator=EDGE(), n_permutations=5, n_jobs=jobs)
        for jobs in (None, 2)
    )
    assert np.array_equal(one.values, two.values)
    assert np.array_equal(one.p_values, two.p_values)


def test_frame_plot_and_json_tell_the_same():
    x, y = delayed(6, 400, 2)
    done = []
    found = lagged_information(
        x, y, lags=4, estimator=GaussianCopula(), blocks=4, progress=lambda *of: done.append(of)
    )
    frame = found.to_frame()
    assert frame["lag"].tolist() == list(range(-4, 5))
    assert frame.loc[frame["nats"].idxmax(), "lag"] == found.peak == 2
    assert (frame["adjusted_p_value"] >= frame[["p_value", "fitted_p_value"]].min(axis=1)).all()
    assert json.loads(json.dumps(found.to_dict()))["lags"][0]["nats"] == found.values[0]
    axes = found.plot()
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "permutations of 4 blocks, mean and 2 sd" in texts
    assert axes.get_title() == found.headline in str(found)
    assert done[-1] == (9, 9)


def test_copies_are_warned_of():
    x, y = delayed(7, 100, 0)
    rows = np.random.default_rng(0).permutation(400) % 100
    with pytest.warns(UserWarning, match="100% of the rows repeat"):
        found = lagged_information(x[rows], y[rows], lags=1, n_permutations=19)
    assert "copies" in found.headline


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lags": 200}, "leave half of the rows or more, got lag -200 for 300 rows"),
        ({"lags": [0.5, 1]}, "whole numbers"),
        ({"lags": []}, "whole numbers"),
        ({"lags": [1, 1]}, r"must differ from each other, got \[1, 1\]"),
        ({"lags": 1.5}, "`lags` must be a number or several, got 1.5"),
        ({"lags": "4:1"}, "`lags` must be as .*, got '4:1'"),
        ({"lags": "1:2:3:4"}, "`lags` must be as"),
        ({"lags": -1}, "`lags` must be at least 0"),
        ({"blocks": 0}, "`blocks` must be at least 1"),
        ({"blocks": None}, "`blocks` must be a whole number"),
        ({"n_permutations": 2}, "`n_permutations` must be at least 3"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    x, y = delayed(8, 300, 0)
    with pytest.raises(ValueError, match=message):
        lagged_information(x, y, **settings)


def test_the_command_prints_writes_and_draws(tmp_path):
    from typer.testing import CliRunner

    x, y = delayed(9, 300, 2)
    file = tmp_path / "series.csv"
    pd.DataFrame({"a": x, "b": y}).to_csv(file, index=False)
    command = ["lag", str(file), "--x", "a", "--y", "b", "--estimator", "copula", "--lags"]
    plot = tmp_path / "lags.png"
    said = CliRunner().invoke(app, [*command, "-4:4", "--plot", str(plot)])
    assert "peak        lag 2 (x comes first)" in said.stdout
    assert plot.stat().st_size > 1000
    told = CliRunner().invoke(app, [*command, "-6:6:3", "--json"])
    assert [one["lag"] for one in json.loads(told.stdout)["lags"]] == [-6, -3, 0, 3, 6]
    listed = CliRunner().invoke(app, [*command, "0,2", "--json"])
    assert [one["lag"] for one in json.loads(listed.stdout)["lags"]] == [0, 2]
    wrong = CliRunner().invoke(app, [*command, "a:b"])
    assert '`lags` must be as "-20:20"' in str(wrong.exception)
