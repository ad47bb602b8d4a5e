"""run, resume and demo: folders that are taken, and what is told of a study."""

from tests.robustsplit.lines import call


def test_demo_refuses_a_folder_of_something_else(capsys, tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    code, _, err = call(capsys, "demo", "--out", tmp_path)
    assert code == 2 and "not a run directory" in err
