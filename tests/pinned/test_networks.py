"""Networks, trained or measured, give what they gave before: see `stored`."""

import pytest

pytest.importorskip("torch")

from tests.pinned import networks, trained
from tests.pinned.stored import deviations, one_thread

GROUPS = {**networks.GROUPS, **trained.GROUPS}


@pytest.mark.parametrize("group", GROUPS)
def test_numbers_are_as_before(group):
    with one_thread():
        found = GROUPS[group]()
    assert found
    changed = deviations(group, found)
    assert not changed, "\n".join(changed)
