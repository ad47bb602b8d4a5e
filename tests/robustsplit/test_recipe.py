"""Recipes: what they refuse, and how the learning rate goes."""

import numpy as np
import pytest

from robustsplit.recipe import Recipe
from robustsplit.study.config import TrainConfig


@pytest.mark.parametrize("schedule", ["constant", "cosine", "step", "one-cycle"])
def test_schedules_start_and_end_where_they_should(schedule):
    recipe = Recipe(epochs=12, lr=0.1, schedule=schedule)
    rates = [recipe.learning_rate(progress) for progress in np.linspace(0, 12, 49)]
    assert max(rates) == pytest.approx(0.1) and min(rates) >= 0
    end = {"constant": 0.1, "cosine": 0.0, "step": 0.0001, "one-cycle": 0.0}[schedule]
    assert rates[-1] == pytest.approx(end, abs=1e-12)
    if schedule == "step":
        assert [rates[15], rates[17], rates[33]] == pytest.approx([0.1, 0.01, 0.001])


def test_unknown_settings_are_named():
    with pytest.raises(ValueError, match="Did you mean 'adam'"):
        Recipe(optimizer="adams")
    with pytest.raises(ValueError, match="No schedule"):
        Recipe(schedule="linear")


@pytest.mark.parametrize("wrong", [{"epochs": -1}, {"batch_size": 0}, {"lr": -0.1}])
def test_numbers_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="A recipe needs epochs >= 0"):
        Recipe(**wrong)


def test_a_section_of_a_configuration_gives_its_recipe():
    assert TrainConfig(epochs=3, lr=0.5).recipe() == Recipe(epochs=3, lr=0.5)
