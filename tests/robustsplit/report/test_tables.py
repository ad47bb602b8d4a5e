"""Tables for reading: every value with its null, ceiling and verdict."""

import pytest

from robustsplit.report.tables import accuracy_table, difference_table, pair_table, summary_table
from tests.robustsplit.fakes import profile


def test_tables_carry_the_null_the_ceiling_and_the_verdict(findings):
    table = summary_table(findings)
    assert list(table.columns) == [
        "f_b", "layer pair", "rho", "null", "excess", "ceiling", "verdict",
        "Acc*", "Acc_sr", "Acc~",
    ]  # fmt: skip
    assert table["rho"][0] == pytest.approx(0.5 / 0.6931, rel=1e-3)
    assert (table["Acc*"][0], table["Acc*"][1]) == ("82.0", "")
    nats = pair_table(profile().pairs, "nats")
    assert nats["rho"].tolist() == pytest.approx([0.5, 0.8, 1.1, 1.4, 1.7])
    assert len(accuracy_table(findings)) == 4 + 2 * 3


def test_differences_are_those_of_the_same_images(findings):
    table = difference_table(findings)
    assert list(table["difference"]) == ["Acc~ - Acc*", "Acc~ - Acc_sr"] * 2
    assert list(table["points"][:2]) == ["-1.6", "+20.4"]
    assert (table["only the first correct"] - table["only the second correct"])[1] == 102
    assert table["p (McNemar)"][0] == pytest.approx(2 * 0.5**8)
