"""rho.csv: units in its columns, the same bytes for the same values."""

import pytest

from robustsplit.report.rho_csv import read_rho_csv, rho_frame, write_csv
from tests.robustsplit.fakes import result


def test_rho_csv_has_units_labels_and_the_same_bytes_each_time(tmp_path):
    results = [result(), result("last 4 weight layers", 4)]
    for name in ("a.csv", "b.csv"):
        write_csv(rho_frame(results), tmp_path / name)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    frame = read_rho_csv(tmp_path / "a.csv")
    assert len(frame) == 3 * (2 + 4) * (1 + 2)
    assert list(frame.columns[:9]) == [
        "cut", "trial", "converged", "parent", "child", "offset", "label", "rho_nats",
        "null_mean_nats",
    ]  # fmt: skip
    assert set(frame["label"]) == {"all", "0", "1"}
    first = frame[frame["label"] == "all"].iloc[0]
    assert first["excess_nats"] == pytest.approx(first["rho_nats"] - first["null_mean_nats"])
    assert first["parent_dim"] == 64
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"not a rho\.csv: it lacks the columns parent"):
        read_rho_csv(tmp_path / "other.csv")
