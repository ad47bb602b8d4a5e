"""What can and what cannot be concluded, in sentences."""

import re
from dataclasses import replace

from mitools import Verdict
from robustsplit.report.conclusions import TOY, can, cannot
from robustsplit.report.findings import Findings
from robustsplit.report.html import render_report
from tests.robustsplit.fakes import profile, result


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
    assert "0 of 2 trials converged" in " ".join(can(none))


def test_verdicts_decide_the_wording(findings):
    clear = Findings("mine", profiles={"mine": profile(verdict=Verdict.USABLE)})
    assert "In 5 of 5 layer pairs the size of rho can be used." in " ".join(can(clear))
    assert not any("size of rho is not reliable" in text for text in cannot(clear))
    blind = Findings("mine", profiles={"mine": profile(verdict=Verdict.INDEPENDENT)})
    assert any(text.startswith("Rho shows nothing for conv1 → conv2") for text in cannot(blind))


def test_overlapping_intervals_are_not_called_a_difference(findings):
    said = " ".join(can(findings))
    assert "overlaps with that of the robust network (82.0 %, Acc*)" in said
