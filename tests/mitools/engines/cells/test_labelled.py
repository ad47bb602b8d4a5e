"""Counts by label: they add up, are stored without pickles, and refuse other files."""

import numpy as np
import pytest

from mitools import EDGE
from mitools.engines.cells.labelled import LabelledCounts
from mitools.engines.cells.state import CountState

FAST = EDGE(members=3)


N = 6000


RNG = np.random.default_rng(0)


X = RNG.normal(size=(N, 2))


Y = 0.8 * X + 0.6 * RNG.normal(size=(N, 2))


LABELS = RNG.integers(3, size=N)


def test_labelled_counts_add_up():
    empty = LabelledCounts.fit_hash(X[:900], Y[:900], LABELS[:900], FAST)
    whole = empty.update(X, Y, LABELS)
    halves = [empty.update(X[i::2], Y[i::2], LABELS[i::2]) for i in range(2)]
    assert halves[0].merge(halves[1]).finalize() == whole.finalize()
    assert halves[1].merge(halves[0]).finalize() == whole.finalize()
    assert empty.n_samples == 0


@pytest.mark.parametrize("kind", ["integers", "text", "floats", "booleans"])
def test_labelled_counts_are_stored_without_pickles(kind, tmp_path):
    labels = {
        "integers": LABELS,
        "text": np.array(["a", "b/0", "ü"])[LABELS],
        "floats": LABELS * 2.0,
        "booleans": LABELS > 0,
    }[kind]
    state = LabelledCounts.fit_hash(X[:900], Y[:900], labels[:900], FAST).update(X, Y, labels)
    state.to_npz(tmp_path / "counts.npz")
    read = LabelledCounts.from_npz(tmp_path / "counts.npz")
    assert list(read.states) == list(state.states)
    assert [type(label) for label in read.states] == [type(label) for label in state.states]
    assert read.finalize() == state.finalize()
    again = read.update(X, Y, labels)
    assert again.merge(state).n_samples == 3 * N
    with np.load(tmp_path / "counts.npz", allow_pickle=False) as file:
        assert not any(file[name].dtype.hasobject for name in file.files)


def test_labelled_counts_of_other_files_are_refused(tmp_path):
    state = LabelledCounts.fit_hash(X[:900], Y[:900], LABELS[:900], FAST)
    state.to_npz(tmp_path / "labelled.npz")
    FAST.fit_hash(X[:900], Y[:900]).to_npz(tmp_path / "plain.npz")
    with pytest.raises(ValueError, match=r"use `LabelledCounts.from_npz`"):
        CountState.from_npz(tmp_path / "labelled.npz")
    with pytest.raises(
        ValueError, match=r"no file of `LabelledCounts.to_npz`: it holds no 'labels'"
    ):
        LabelledCounts.from_npz(tmp_path / "plain.npz")
    with pytest.raises(TypeError, match="takes other LabelledCounts, got int"):
        state.merge(3)
    with pytest.raises(TypeError, match=r"fit into a file, got \(1, 2\)"):
        LabelledCounts({(1, 2): state.states[0]}).to_npz(tmp_path / "tuples.npz")
