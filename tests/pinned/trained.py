"""What estimators that train networks say after a few epochs: they need torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mitools import MINE, SMILE, InfoNCE, Learned
from tests.pinned.estimates import Values, said

__all__ = ["GROUPS"]

GROUPS: Mapping[str, Callable[[], Values]] = {
    name: partial(said, kind(hidden=(8,), folds=2, epochs=4, **settings), names)
    for name, kind, settings, names in (
        ("InfoNCE", InfoNCE, {}, ("gaussian 3", "atoms 3")),
        ("MINE", MINE, {}, ("gaussian 3",)),
        ("SMILE", SMILE, {}, ("gaussian 3",)),
        ("Learned", Learned, {"n_components": 2}, ("gaussian 10",)),
    )
}
