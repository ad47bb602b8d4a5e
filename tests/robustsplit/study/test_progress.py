"""The bar: stages of known cost, never backwards, never beyond a stage's end."""

import re
import time

import pytest

from robustsplit.attacks import FGSM, PGD, Clean
from robustsplit.study.progress import Progress, passes, span

COSTS = {"train": 10.0, "measure": 30.0}


@pytest.fixture
def bar():
    with Progress(COSTS, shown=False) as progress:
        yield progress


def test_a_stage_begins_where_the_one_before_it_ends(bar):
    bar.stage("train")
    assert bar.place == 0
    bar.stage("measure")
    assert bar.place == 10
    bar.done("measure")
    assert bar.place == sum(COSTS.values())


def test_steps_stop_at_the_end_of_their_stage(bar):
    bar.stage("train")
    bar.step("train", 4.0)
    assert bar.place == 4
    bar.step("train", 100.0, ", epoch 2")
    assert bar.place == 10


def test_shares_only_move_it_ahead(bar):
    bar.stage("measure")
    bar.reach("measure", 0.5)
    assert bar.place == 25
    bar.reach("measure", 0.1)
    assert bar.place == 25


def test_it_is_hidden_without_a_terminal_and_shown_on_request(capsys):
    with Progress(COSTS) as progress:
        progress.stage("train")
        progress.done("train")
    assert capsys.readouterr().err == ""
    with Progress(COSTS, shown=True) as progress:
        progress.stage("train")
        progress.step("train", 5.0, ", epoch 1")
        progress.bar.refresh()
    assert "train" in capsys.readouterr().err


def test_an_attack_costs_a_pass_and_three_for_each_step():
    assert passes(Clean()) == 1.0
    assert passes(FGSM(0.1)) == 4.0
    assert passes(PGD(0.1, steps=10, restarts=2)) == 61.0


def test_without_a_terminal_a_line_is_written_now_and_then(capsys):
    with Progress(COSTS, every=0.02) as progress:
        progress.stage("train")
        progress.step("train", 5.0, "epoch 1\x1b")
        time.sleep(0.2)
    lines = capsys.readouterr().err.splitlines()
    assert 2 <= len(lines) <= 10
    assert re.fullmatch(r"0 s gone, about \d+ s left: train, epoch 1\\x1b", lines[-1])


def test_times_are_told_in_words():
    assert [span(s) for s in (3.2, 89, 720, 5340, 11_100)] == [
        *("3 s", "89 s", "12 min", "89 min", "3 h 5 min"),
    ]
