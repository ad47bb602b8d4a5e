"""What several commands print."""

import json
from types import SimpleNamespace

from robustsplit.commands.printed import accuracies, print_json
from robustsplit.results import AccuracyRecord


def test_accuracies_have_a_line_per_network_with_intervals():
    half = AccuracyRecord(2, 4)
    found = SimpleNamespace(scores={"a": {"clean": half}, "b": {"clean": half, "attacked": half}})
    first, second = accuracies(found).splitlines()
    low, high = half.interval
    assert first == f"Accuracy of the a network: 50.0 % clean ({low:.1f} to {high:.1f})."
    assert "50.0 % attacked" in second


def test_json_has_no_word_for_nan(capsys):
    print_json({"value": float("nan")})
    assert json.loads(capsys.readouterr().out) == {"value": None}
