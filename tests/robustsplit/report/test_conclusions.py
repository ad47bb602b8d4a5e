"""What can and what cannot be concluded, in sentences."""

import re
from dataclasses import replace

from mitools import Verdict
from robustsplit.report.conclusions import TOY, can, cannot, compared
from robustsplit.report.findings import Findings
from robustsplit.report.html import render_report
from robustsplit.results import PairedDifference
from tests.robustsplit.fakes import profile, result, score


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


def test_networks_are_compared_on_the_same_images(findings):
    """402 and 410 right: all of the 402 among the 410, or most of them. The bars are the same."""
    nested = " ".join(can(findings))
    assert "0 are classified correctly by the retrained network only and 8 by the" in nested
    assert "-1.6 percentage points" in nested
    assert "The retrained network is less accurate than the robust one." in nested
    far = replace(findings.results[0], acc_star=score(410, first=90))
    mixed = " ".join(can(replace(findings, results=(far,))))
    assert "90 are classified correctly by the retrained network only and 98 by" in mixed
    assert "This does not show that the two networks differ in accuracy." in mixed


def test_no_sentence_rests_on_bars_that_overlap(findings):
    page = render_report(findings, [])
    assert "overlap" not in page


def test_a_run_that_kept_no_answers_says_so(findings):
    old = replace(findings.results[0], acc_star=replace(score(410), right=""))
    said = " ".join(can(replace(findings, results=(old,))))
    assert "did not keep which images" in said


def test_networks_with_equal_answers_are_said_to_have_them():
    assert compared(PairedDifference(0, 0, 9)).startswith("Both classify exactly the same")
    assert "is more accurate" in compared(PairedDifference(30, 2, 100))
