"""Suites hold what they say, and samples are fixed by their seed."""

import numpy as np
import pytest

from mitools.tasks import SUITES, suite


def test_suites_hold_what_they_say():
    counts = {name: len(suite(name)) for name in SUITES}
    assert counts == {
        "bmi40": 40,
        "bend": 10,
        "wide": 7,
        "independent": 8,
        "fresh": 16,
        "heldout": 23,
    }
    for name, text in SUITES.items():
        names = [task.name for task in suite(name)]
        assert len(set(names)) == len(names)
        assert name == "bmi40" or text.startswith(str(counts[name]))


@pytest.mark.parametrize("name", SUITES)
def test_samples_are_pairs_of_finite_columns_fixed_by_their_seed(name):
    for task in suite(name):
        x, y = task.sample(60, seed=1)
        assert x.ndim == y.ndim == 2
        assert len(x) == len(y) == 60
        assert np.isfinite(x).all()
        assert np.isfinite(y).all()
        again, other = task.sample(60, seed=1)[0], task.sample(60, seed=2)[0]
        assert np.array_equal(x, again)
        assert not np.array_equal(x, other)
        assert 0 <= task.mutual_information < 7
        assert (task.mutual_information == 0) == (name == "independent")


def test_an_unknown_suite_names_the_nearest():
    with pytest.raises(ValueError, match=r"No suite named 'bmi'\. Did you mean 'bmi40'"):
        suite("bmi")
