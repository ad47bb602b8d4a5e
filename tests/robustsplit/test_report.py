"""The report: one file, conclusions first, nothing from the network, wording theory allows."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mitools import Verdict
from robustsplit.report.conclusions import TOY, can, cannot
from robustsplit.report.figures import RhoDepthDisplay, draw_depth, render
from robustsplit.report.files import displays_of, write_outputs
from robustsplit.report.findings import Findings
from robustsplit.report.html import Picture, cell, render_report, text_table
from robustsplit.report.tables import accuracy_table, pair_table, summary_table
from tests.robustsplit.fakes import profile, result, score

VOID = {"meta", "img", "br", "link", "hr", "input"}


class Page(HTMLParser):
    """Checks that tags nest, and collects what a browser would load and a reader would read."""

    def __init__(self, text):
        super().__init__()
        self.open, self.loads, self.images, self.headings, self.text = [], [], [], [], []
        self.tags = set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        self.loads += [attrs[key] for key in ("src", "href", "action", "data") if key in attrs]
        if tag == "img":
            self.images.append(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2", "h3"):
            self.headings.append(data)
        if self.open and self.open[-1] != "style":
            self.text.append(data)


@pytest.fixture
def findings():
    return Findings(
        name="demo <study>",
        results=(result(warnings=("The cut lies inside a block.",)), result("last 4", 4)),
        profiles={"regular": profile(), "untrained": profile(shift=-0.2)},
        scores={
            "regular": {"clean": score(490, attack="clean"), "attacked": score(5)},
            "robust": {"clean": score(470, attack="clean"), "attacked": score(410)},
        },
        config='name = "demo"\n[attack]\neps = 0.1',
        environment={"python": "3.11", "threads": 2},
        attack="PGD (Linf, eps 0.1, 7 steps)",
        data="digits, 500 test images",
        toy=True,
        warnings=("The cut lies inside a block.",),
        command="robustsplit run config.toml",
    )


@pytest.fixture
def page(findings):
    svg = render(draw_depth(displays_of(findings)), "svg")
    return render_report(findings, [Picture(svg, "Rho against depth.", "Line chart: conv2 0.7")])


def test_it_is_whole_and_loads_nothing_from_anywhere(page):
    parsed = Page(page)
    assert all(load.startswith("data:") for load in parsed.loads)
    assert not parsed.tags & {"script", "link", "iframe", "object"}
    assert not re.search(r"url\(|@import", page)
    assert page.count("<!DOCTYPE html>") == 1


def test_it_opens_with_what_can_and_cannot_be_concluded(page):
    headings = Page(page).headings
    assert headings[1:4] == [
        "What can and what cannot be concluded",
        "This can be concluded",
        "This cannot be concluded",
    ]
    assert headings[-1] == "Reproduce"
    assert page.rstrip().endswith("</html>")
    assert page.index("Warnings") < page.index("<table")


def test_what_it_says(page, findings):
    text = " ".join(" ".join(Page(page).text).split())
    assert TOY in text
    assert "demo <study>" in text  # escaped in the source
    assert "<study>" not in page
    assert "The cut lies inside a block." in text
    assert "adaptive" in text
    assert "82.0 % (95 % interval 78.4 to 85.1)" in text
    for word in ("null", "ceiling", "dependent, magnitude unreliable", "conv4 → fc1", "Acc_sr"):
        assert word in text


def test_images_have_words(page):
    (image,) = Page(page).images
    assert image["alt"] == "Line chart: conv2 0.7"
    assert image["src"].startswith("data:image/svg+xml;base64,")


def test_rho_is_said_to_be_neither_necessary_nor_sufficient(findings):
    """Layers that carry only the class: rho 0, robust. Shared noise: rho high, not robust."""
    said = " ".join(cannot(findings))
    assert "neither necessary nor sufficient" in said
    assert "true value is infinite" in said
    assert not re.search(r"(higher|larger) rho (means|shows|implies)", " ".join(can(findings)))


def test_the_toy_is_named_first_and_only_when_it_is_one(findings):
    assert cannot(findings)[0] == TOY
    assert TOY not in cannot(replace(findings, toy=False))


def test_published_estimator_is_put_beside_its_null(findings):
    (said,) = [text for text in cannot(findings) if "published code" in text]
    assert "99 % of the value is there without any dependence" in said


def test_static_accuracies_are_never_called_robust(findings):
    static = replace(result(), settings={"tolerance": 2.0, "protocol": "static"})
    page = render_report(replace(findings, results=(static,)), [])
    assert "static: not a robust accuracy" in page
    assert "reused (static)" in page


def test_no_converged_trial_is_said(findings):
    none = replace(findings, results=(result(converged=(False, False)),))
    assert any("no converged trial" in text for text in cannot(none))
    assert "0 of 2 trials came" in " ".join(can(none))


def test_verdicts_decide_the_wording(findings):
    clear = Findings("mine", profiles={"mine": profile(verdict=Verdict.USABLE)})
    assert "5 have a rho whose size can be used" in " ".join(can(clear))
    assert not any("How large" in text for text in cannot(clear))
    blind = Findings("mine", profiles={"mine": profile(verdict=Verdict.INDEPENDENT)})
    assert any(text.startswith("Anything from rho for conv1 → conv2") for text in cannot(blind))


def test_overlapping_intervals_are_not_called_a_difference(findings):
    said = " ".join(can(findings))
    assert "which 500 images cannot tell from the robust network (82.0 %, Acc*)" in said


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


def test_text_table_lines_up():
    text = text_table(pair_table(profile().pairs, "nats"))
    lines = text.splitlines()
    assert len(lines) == 2 + 5
    assert lines[2].startswith("conv1 → conv2  0.50")
    places = {line.index("magnitude") for line in lines[2:]}
    assert len(places) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(float("nan"), "–"), (1.234, "1.23"), (0.0196, "0.020"), (0.0, "0.00"), ("a", "a"), (3, "3")],
)
def test_cells(value, text):
    assert cell(value) == text


def test_a_profile_alone_makes_a_report_too(tmp_path):
    mine = Findings("mine", profiles={"mine": profile()}, data="images, 500 images")
    write_outputs(mine, tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "This cannot be concluded" in page
    assert "Algorithm 1" not in page
    assert RhoDepthDisplay.from_profile(profile()).describe().split(",")[1] in page
    assert (tmp_path / "rho.csv").read_text().startswith("network,parent,child")
