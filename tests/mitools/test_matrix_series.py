"""`information_matrix` of series: fourteen of fifteen independent pairs are no find."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from mitools import GaussianCopula, information_matrix
from mitools.cli import app

SETTINGS = {"estimator": GaussianCopula(), "n_permutations": 99}


def table(seed, columns=6, n=500, phi=0.95):
    """Independent autoregressive series of the first order."""
    news = np.random.default_rng(seed).normal(size=(n + 200, columns))
    return pd.DataFrame(lfilter([1], [1, -phi], news, axis=0)[200:], columns=list("abcdef"))


def test_series_are_warned_of_once_and_in_the_headline():
    with pytest.warns(UserWarning, match="alike in 6 columns") as said:
        found = information_matrix(table(0), **SETTINGS)
    assert len(said) == 1
    assert "(a, b, c, d, e and 1 more; lag-one" in str(said[0].message)
    assert found.pairs()["dependent"].sum() >= 3  # what the warning is about
    assert "dependent; but neighbouring rows are alike, and the p value takes" in repr(found)
    assert found.pairs()["rows_alike"].all()
    assert "neighbouring rows are alike" in found.plot().get_title()


@pytest.mark.filterwarnings("error")
def test_independent_series_are_hardly_ever_called_dependent_with_blocks():
    tables = [information_matrix(table(seed), blocks=1, **SETTINGS) for seed in range(8)]
    p = np.concatenate([one.pairs()["p_value"] for one in tables])
    assert (p <= 0.05).mean() <= 0.11  # 120 pairs: 0.05 expected; 0.11 is 3 standard errors
    assert sum(one.dependent.any() for one in tables) <= 1
    assert not any(one.caveats or one.alike.any() for one in tables)


@pytest.mark.filterwarnings("error")
def test_coupled_series_are_found_with_blocks():
    data = table(3)
    data["c"] = data["a"] + 0.5 * data["c"]
    found = information_matrix(data, blocks=1, **SETTINGS)
    assert found.dependent[0, 2]
    assert found.pairs()["dependent"].sum() == 1


def test_only_pairs_of_two_such_columns_are_marked():
    data = table(1)
    data[["d", "e", "f"]] = np.random.default_rng(1).normal(size=(500, 3))
    with pytest.warns(UserWarning, match=r"alike in 3 columns \(a, b, c; "):
        found = information_matrix(data, **SETTINGS)
    marked = found.pairs().query("rows_alike")[["x", "y"]]
    assert sorted(map("".join, marked.to_numpy())) == ["ab", "ac", "bc"]


@pytest.mark.filterwarnings("error")
def test_one_such_column_or_rows_in_another_order_are_not_warned_of():
    data = table(1)
    mixed = np.random.default_rng(0).permutation(len(data))
    assert information_matrix(data.iloc[mixed], **SETTINGS).caveats == ()
    data[list("bcdef")] = np.random.default_rng(1).normal(size=(500, 5))
    assert not information_matrix(data, **SETTINGS).alike.any()


def test_copies_are_warned_of():
    rows = np.random.default_rng(0).integers(200, size=200)
    data = np.random.default_rng(1).normal(size=(200, 4))[rows]
    with pytest.warns(UserWarning, match=r"58% of the rows repeat another"):
        found = information_matrix(data, **SETTINGS)
    assert any("rows are copies of others" in caveat for caveat in found.caveats)


def test_wrong_blocks_are_refused():
    with pytest.raises(ValueError, match="at least two rows to each, got 300 for 500 rows"):
        information_matrix(table(0), blocks=300)


def test_the_command_keeps_the_order_and_warns(tmp_path, capsys):
    from typer.testing import CliRunner

    file = tmp_path / "series.csv"
    table(0, n=300).to_csv(file, index=False)
    command = ["matrix", str(file), "--estimator", "copula", "--permutations", "39"]
    with pytest.warns(UserWarning, match="alike in 6 columns"):
        plain = CliRunner().invoke(app, command)
    kept = CliRunner().invoke(app, [*command, "--blocks", "1"])
    assert "; but neighbouring rows are alike" in plain.stdout.splitlines()[0]
    assert "but" not in kept.stdout.splitlines()[0]
    assert pd.read_csv(tmp_path / "series-mi-pairs.csv")["rows_alike"].sum() == 0
