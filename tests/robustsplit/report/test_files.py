"""The files that findings leave."""

from robustsplit.report.figures import RhoDepthDisplay
from robustsplit.report.files import write_outputs
from robustsplit.report.findings import Findings
from tests.robustsplit.fakes import profile


def test_a_profile_alone_makes_a_report_too(tmp_path):
    mine = Findings("mine", profiles={"mine": profile()}, data="images, 500 images")
    write_outputs(mine, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "Limits of these results" in page
    assert "Algorithm 1" not in page
    assert RhoDepthDisplay.from_profile(profile()).describe().split(",")[1] in page
    assert (tmp_path / "rho.csv").read_text().startswith("network,parent,child")
