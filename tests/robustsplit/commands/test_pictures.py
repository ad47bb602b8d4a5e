"""plot and report, on a study that was run."""

from tests.robustsplit.lines import call


def test_run_plot_and_report_of_a_study(capsys, user, tmp_path):
    folder = tmp_path / "run"
    code, out, err = call(
        capsys, "run", user / "study.toml", "--out", folder, "--set", "split.last=[1]",
        "--set", "algorithm1.trials=1", "--set", "mi.networks=[]",
    )  # fmt: skip
    assert code == 0, err
    for word in ("Acc*", "Acc_sr", "Acc~", "verdict", "in bits", "rho.csv", "report.html"):
        assert word in out
    (folder / "report.html").unlink()
    assert call(capsys, "report", folder)[0] == 0
    assert (folder / "report.html").exists()
    code, out, _ = call(capsys, "plot", folder, "--x", "from_output", "--out", tmp_path / "figs")
    assert code == 0
    assert (tmp_path / "figs" / "rho_vs_depth.svg").exists()
    assert call(capsys, "plot", folder / "rho.csv", "--out", tmp_path / "a.svg")[0] == 0
    assert (tmp_path / "a.svg").read_text().startswith("<?xml")
    code, _, err = call(capsys, "plot", folder / "rho.csv", "--out", tmp_path / "a.gif")
    assert code == 2
    assert "takes a .png, .svg or .pdf file" in err
    code, _, err = call(capsys, "run", user / "study.toml", "--out", folder)
    assert code == 2
    assert "holds a run of another configuration" in err
    code, _, err = call(
        capsys, "rho", f"{user}/nets.py:tiny", "--data", user / "test.npz", "--out", folder
    )
    assert code == 2
    assert "run directory of a study" in err
