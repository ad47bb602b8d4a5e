"""The record of what was found: read back whole, and which pairs its conclusions rest on."""

import json
from dataclasses import replace

import pytest

from robustsplit.io import strict_json
from robustsplit.report.findings import Findings


def test_findings_come_back_from_their_file(findings, tmp_path):
    path = tmp_path / "assessment.json"
    path.write_text(strict_json(findings.to_dict()))
    assert Findings.load(path) == findings


def test_a_missing_and_a_foreign_file_say_what_to_do(tmp_path):
    path = tmp_path / "assessment.json"
    with pytest.raises(FileNotFoundError, match="nothing is finished there yet"):
        Findings.load(path)
    for text in ("{}", "[1]", "{", json.dumps({"results": 3})):
        path.write_text(text)
        with pytest.raises(ValueError, match="was not written by this version"):
            Findings.load(path)


def test_conclusions_rest_on_algorithm_1_or_else_on_the_profiles(findings):
    assert list(findings.pairs) == [p for r in findings.results for p in r.chosen()]
    alone = replace(findings, results=())
    assert list(alone.pairs) == [p for q in findings.profiles.values() for p in q.pairs]


def test_the_protocol_is_the_results(findings):
    assert findings.protocol == "adaptive"
    static = [replace(r, settings={"protocol": "static"}) for r in findings.results]
    assert replace(findings, results=tuple(static)).protocol == "static"
    assert replace(findings, results=()).protocol == "adaptive"
