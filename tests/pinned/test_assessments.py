"""Nulls, verdicts, comparisons, streams and scores are what they were before: see `stored`."""

import pytest

from tests.pinned.assessments import GROUPS
from tests.pinned.stored import deviations, one_thread


@pytest.mark.parametrize("group", GROUPS)
def test_numbers_are_as_before(group):
    with one_thread():
        found = GROUPS[group]()
    assert found
    changed = deviations(group, found)
    assert not changed, "\n".join(changed)
