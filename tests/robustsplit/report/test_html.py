"""The report: one file, conclusions first, nothing from the network, wording theory allows."""

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from mitools.evidence.null import Null
from robustsplit.measurement import Measurement
from robustsplit.report.conclusions import TOY
from robustsplit.report.figures import draw_depth, render
from robustsplit.report.files import displays_of
from robustsplit.report.html import Picture, cell, render_report, text_table
from robustsplit.report.tables import pair_table
from tests.robustsplit.fakes import profile

VOID = {"meta", "img", "br", "link", "hr", "input", "source"}


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
        self.loads += [
            attrs[key] for key in ("src", "srcset", "href", "action", "data") if key in attrs
        ]
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
        "Limits of these results",
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


def test_a_narrow_screen_gets_a_figure_of_its_own(findings):
    svg = render(draw_depth(displays_of(findings)), "svg")
    small = render(draw_depth(displays_of(findings), size=(3.7, 5.0)), "svg")
    page = Page(render_report(findings, [Picture(svg, "Rho.", "Lines", small)]))
    wide, narrow = page.loads[1], page.loads[0]
    width = {
        name: re.search(r'<svg[^>]* width="([0-9.]+)pt"', base64.b64decode(url[26:]).decode())[1]
        for name, url in (("wide", wide), ("narrow", narrow))
    }
    assert float(width["narrow"]) / 72 * 96 < 358 < float(width["wide"])


def test_figures_and_page_follow_a_dark_screen_and_print_light(page):
    assert "@media screen and (prefers-color-scheme: dark)" in page
    (image,) = Page(page).images
    svg = base64.b64decode(image["src"].partition(",")[2]).decode()
    assert "(prefers-color-scheme: dark)" in svg
    assert ": #000000" not in svg.split("</style>")[-1]
    assert "@media print" in page and "details::details-content" in page


def test_every_cell_names_its_column_for_narrow_screens(page):
    for column in ("rho", "null", "verdict", "accuracy [%]"):
        assert f'<td data-label="{column}">' in page


def test_the_paper_and_the_rule_of_verdicts_are_named(page, findings):
    assert "Does the Half Adversarial Robustness Represent the Whole?" in page
    assert page.index("Does the Half") < page.index("This can be concluded")
    alone = render_report(replace(findings, results=()), [])
    assert "Does the Half Adversarial Robustness Represent the Whole?" in alone
    assert "p is at most 0.01" in page and "p = 0.020" in page


def test_the_rule_of_verdicts_is_the_one_that_is_followed():
    """At the default number of permutations, none may reach the value; p is then 0.020."""
    n = Measurement().n_permutations
    null = np.random.default_rng(0).normal(size=n)
    above = Null(null, float(null.max() + 5))
    assert above.claims and above.p_value == pytest.approx(1 / (n + 1))
    assert not Null(null, float(np.sort(null)[-2])).claims
    assert not Null(null, float(null.max() + 0.01)).claims  # the fitted tail is above 0.001
    if n == 50:
        assert f"{above.p_value:.3f}" == "0.020"


def test_text_table_lines_up():
    text = text_table(pair_table(profile().pairs, "nats"))
    lines = text.splitlines()
    assert len(lines) == 2 + 5
    assert lines[2].startswith("conv1 → conv2  0.50")
    places = {line.index("magnitude") for line in lines[2:]}
    assert len(places) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (float("nan"), "–"),
        (1.234, "1.23"),
        (0.0196, "0.020"),
        (0.0, "0.00"),
        (-1e-5, "0.000"),
        ("a", "a"),
        (3, "3"),
    ],
)
def test_cells(value, text):
    assert cell(value) == text
