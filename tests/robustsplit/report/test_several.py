"""Several runs in one figure: what is drawn, under which names, and what is refused."""

import matplotlib as mpl
import pytest

from robustsplit.report.files import write_outputs
from robustsplit.report.findings import Findings
from robustsplit.report.several import displays_of_runs, figure_size, format_of, style_context
from tests.robustsplit.fakes import profile, result
from tests.robustsplit.lines import call

DEEP = tuple(f"layer{index}" for index in range(9))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two networks of other depths, and a study, each in a folder of its own."""
    mpl.use("Agg")
    folder = tmp_path_factory.mktemp("runs")
    for name, found in {
        "vgg": Findings("vgg", profiles={"make": profile()}),
        "resnet": Findings("resnet", profiles={"make": profile(DEEP)}),
        "study": Findings("study", results=(result(),), profiles={"robust": profile()}),
    }.items():
        write_outputs(found, folder / name, formats=("png",))
    return folder


def labels(displays):
    return [display.label for display in displays]


def test_runs_are_called_by_their_folders_or_by_their_labels(runs):
    two = [runs / "vgg", runs / "resnet"]
    assert labels(displays_of_runs(two)) == ["vgg", "resnet"]
    assert labels(displays_of_runs(two, ["VGG16", "ResNet50"])) == ["VGG16", "ResNet50"]
    assert labels(displays_of_runs([runs / "vgg", runs / "study"]))[1:] == [
        "study: robust network",
        "study: Algorithm 1, f_b = last 2 weight layers",
    ]
    assert labels(displays_of_runs([runs / "vgg"])) == ["make network"]
    assert labels(displays_of_runs([runs / "vgg" / "rho.csv", runs / "resnet"])) == [
        "vgg", "resnet",
    ]  # fmt: skip


def test_wrong_runs_are_refused(runs):
    with pytest.raises(ValueError, match="got 1 for 2 runs"):
        displays_of_runs([runs / "vgg", runs / "resnet"], ["one"])
    with pytest.raises(ValueError, match="Two runs would have the same name"):
        displays_of_runs([runs / "vgg", runs / "vgg" / "rho.csv"])
    with pytest.raises(FileNotFoundError, match="No run directory and no file"):
        displays_of_runs([runs / "nothing"])


def test_sizes_endings_and_styles_are_read_or_refused(tmp_path):
    assert figure_size("3.3x2.6") == (3.3, 2.6)
    for wrong in ("3.3", "ax2", "0x3", "1e9x2", "nanx3", ""):
        with pytest.raises(ValueError, match=r"such as 3\.3x2\.6"):
            figure_size(wrong)
    assert format_of(tmp_path / "a.PDF") == "pdf"
    with pytest.raises(ValueError, match=r"takes a \.png, \.svg or \.pdf"):
        format_of(tmp_path / "a.gif")
    with style_context("dark_background"):
        assert mpl.rcParams["text.color"] == "white"
    own = tmp_path / "own.mplstyle"
    own.write_text("font.size: 5\n")
    with style_context(str(own)):
        assert mpl.rcParams["font.size"] == 5
    with pytest.raises(ValueError, match="Did you mean 'ggplot'"):
        style_context("ggplott")


def test_the_command_draws_one_figure_of_several_runs(capsys, runs, tmp_path):
    target = tmp_path / "one.pdf"
    code, out, err = call(
        capsys, "plot", runs / "vgg", runs / "resnet", "--label", "VGG", "--label", "ResNet",
        "--size", "3.3x2.6", "--style", "grayscale", "--no-published", "--out", target,
    )  # fmt: skip
    assert code == 0, err
    assert str(target) in out and target.read_bytes().startswith(b"%PDF")
    code, _, err = call(capsys, "plot", runs / "vgg", "--label", "a", "--label", "b")
    assert code == 2 and "got 2 for 1 runs" in err
    code, _, err = call(
        capsys, "plot", runs / "study" / "rho.csv", runs / "resnet", "--out", target
    )
    assert code == 2 and "Give the run directory" in err
    assert call(capsys, "plot", runs / "study", runs / "resnet", "--out", target)[0] == 0
