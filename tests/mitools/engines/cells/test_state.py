"""Counts as values: any order and nesting of chunks gives the same bits; files; refusals."""

import io
import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mitools import (
    EDGE,
)
from mitools.engines.cells.correction import occupancies_for
from mitools.engines.cells.state import CountState


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def written_before(tmp_path, **settings):
    """Counts in a file of the time when EDGE had the settings `divergence` and "random"."""
    x, y = gaussian(3000, 0.5, 1, 0)
    arrays = EDGE().fit_hash(x[:500], y[:500]).update(x, y).to_arrays()
    former = {**json.loads(str(arrays["settings"])), "divergence": "shannon", **settings}
    np.savez_compressed(
        tmp_path / "old.npz", **{**arrays, "settings": np.array(json.dumps(former))}
    )
    return tmp_path / "old.npz"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("projection", ["auto", "random"])
def test_files_of_counts_written_before_are_read(tmp_path, projection):
    state = CountState.from_npz(written_before(tmp_path, projection=projection))
    assert state.finalize().value == pytest.approx(0.13186154605109918, abs=1e-9)
    assert state.merge(state).n_samples == 6000


def test_files_of_counts_for_chi_square_say_where_it_is_now(tmp_path):
    path = written_before(tmp_path, divergence="chi-square")
    with pytest.warns(UserWarning, match=r"stats\[\"chi_square\"\]") as said:
        state = CountState.from_npz(path)
    assert said[0].filename == __file__
    assert state.finalize().stats["chi_square"] == pytest.approx(0.2998178879384157, rel=1e-9)
    assert state.finalize().unit == "nats"


def data(n=600, d=2, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, 0.8 * x + 0.6 * rng.normal(size=(n, d))


X, Y = data()


EMPTY = EDGE(members=3).fit_hash(X[:200], Y[:200])


WHOLE = EMPTY.update(X, Y)


def same(a, b):
    assert a.n_samples == b.n_samples
    for ours, theirs in zip(a.tables, b.tables, strict=True):
        for (codes, counts), (other_codes, other_counts) in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(codes, other_codes)
            np.testing.assert_array_equal(counts, other_counts)
    assert a.finalize().value == b.finalize().value


cuts = st.lists(st.integers(1, 599), min_size=0, max_size=5, unique=True).map(sorted)


def chunks(at):
    edges = [0, *at, 600]
    return [EMPTY.update(X[a:b], Y[a:b]) for a, b in pairwise(edges)]


@settings(max_examples=25, deadline=None)
@given(cuts, st.randoms(use_true_random=False))
def test_any_order_and_nesting_gives_the_same_bits(at, random):
    states = chunks(at)
    while len(states) > 1:
        a = states.pop(random.randrange(len(states)))
        b = states.pop(random.randrange(len(states)))
        states.append(a.merge(b))
    same(states[0], WHOLE)


@settings(max_examples=10, deadline=None)
@given(cuts)
def test_updates_one_after_another_give_the_same_bits(at):
    state = EMPTY
    edges = [0, *at, 600]
    for a, b in pairwise(edges):
        state = state.update(X[a:b], Y[a:b])
    same(state, WHOLE)


def test_merging_with_an_empty_state_changes_nothing():
    same(EMPTY.merge(WHOLE), WHOLE)
    same(WHOLE.merge(EMPTY), WHOLE)


def test_states_are_values():
    before = EMPTY.n_samples
    EMPTY.update(X, Y)
    assert EMPTY.n_samples == before == 0


@pytest.mark.parametrize("kind", ["continuous", "wide", "labels", "both discrete"])
def test_a_file_holds_everything(kind, tmp_path):
    x, y = data(400, 12 if kind == "wide" else 1)
    if kind in ("labels", "both discrete"):
        x = np.round(x).clip(-1, 1)
    if kind == "both discrete":
        y = np.round(y).clip(-1, 1)
    state = EDGE(seed=5).fit_hash(x, y).update(x[:150], y[:150])
    state.to_npz(tmp_path / "counts.npz")
    read = CountState.from_npz(tmp_path / "counts.npz")
    assert read.estimator == state.estimator
    assert read.fingerprint() == state.fingerprint()
    same(read.update(x[150:], y[150:]), state.update(x[150:], y[150:]))


def test_a_buffer_will_do_as_well():
    buffer = io.BytesIO()
    WHOLE.to_npz(buffer)
    buffer.seek(0)
    same(CountState.from_npz(buffer), WHOLE)


@pytest.mark.parametrize("d", [1, 2])
def test_the_stream_equals_the_estimate_in_memory(d):
    x, y = data(1000, d)
    estimator = EDGE()
    state = estimator.fit_hash(x, y, steps=estimator._steps(1000))
    for start in range(0, 1000, 300):
        state = state.update(x[start : start + 300], y[start : start + 300])
    streamed, whole = state.finalize(), estimator.estimate(x, y)
    assert streamed.value == whole.value
    assert streamed.ceiling == whole.ceiling
    assert streamed.stats == {key: whole.stats[key] for key in streamed.stats}


def test_a_long_stream_is_accurate_and_its_memory_bounded():
    rng = np.random.default_rng(0)

    def chunk(n):
        x = rng.normal(size=n)
        return x, 0.9 * x + np.sqrt(0.19) * rng.normal(size=n)

    state = EDGE(members=4).fit_hash(*chunk(5000))
    for _ in range(10):
        state = state.update(*chunk(20_000))
    estimate = state.finalize()
    assert estimate.n_samples == 200_000
    assert estimate.value == pytest.approx(-0.5 * np.log(0.19), abs=0.02)
    assert all(len(codes) <= 4**9 for codes, _ in state.tables[0])


@pytest.mark.parametrize("r", [0.0, 0.6, 0.9])
def test_full_cells_need_larger_occupancies(r):
    # 12 samples a deepest cell, as 3 million make of the nine halvings of a stream. With k = 30
    # the value at r = 0.9 would be 0.016 nats low, as shuffling fills no cell past k.
    n, rng = 200_000, np.random.default_rng(0)
    x = rng.normal(size=n)
    y = r * x + np.sqrt(1 - r * r) * rng.normal(size=n)
    state = EDGE().fit_hash(x[:5000], y[:5000], steps=7).update(x, y)
    assert occupancies_for(state.blocks[0], n, (3, 10)).tolist() == [60, 200]
    assert state.finalize().value == pytest.approx(-0.5 * np.log(1 - r * r), abs=0.008)


def test_a_stream_of_independent_wide_data_gives_zero():
    rng = np.random.default_rng(0)
    state = EDGE().fit_hash(*rng.normal(size=(2, 500, 40)))
    for _ in range(4):
        state = state.update(*rng.normal(size=(2, 1000, 40)))
    assert abs(state.finalize().value) < 0.05


def test_states_of_different_hashes_are_not_merged():
    other = EDGE(members=3, seed=1).fit_hash(X[:200], Y[:200])
    with pytest.raises(ValueError, match="different hashes"):
        WHOLE.merge(other.update(X, Y))


def test_unseen_discrete_values_are_refused():
    x = np.repeat([0.0, 1.0], 50)
    state = EDGE().fit_hash(x, x)
    with pytest.raises(ValueError, match="1 rows hold values that the sample"):
        state.update([0.0, 2.0], [0.0, 1.0])


def test_another_width_is_refused():
    with pytest.raises(ValueError, match="`y` must have the 2 features"):
        EMPTY.update(X, Y[:, :1])


@pytest.mark.parametrize("other", [3, None, X])
def test_only_states_are_merged(other):
    with pytest.raises(TypeError, match=r"takes another CountState, got .*CountState.from_npz"):
        WHOLE.merge(other)


def written(tmp_path):
    path = tmp_path / "counts.npz"
    WHOLE.to_npz(path)
    return path


@pytest.mark.parametrize("kept", [0, 1, 100, 0.5, 0.999])
def test_a_truncated_file_is_refused(kept, tmp_path):
    path = written(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(ValueError, match=r"counts.npz' is no file of `CountState.to_npz`, or a"):
        CountState.from_npz(path)


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", x=X)
    with pytest.raises(ValueError, match=r"other.npz' is no file of .*: it holds no 'settings'"):
        CountState.from_npz(tmp_path / "other.npz")
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(ValueError, match=r"is no file of `CountState.to_npz`"):
        CountState.from_npz(tmp_path / "x.npy")
    (tmp_path / "text.npz").write_text("x,y")
    with pytest.raises(ValueError, match=r"text.npz' is no file of `CountState.to_npz`"):
        CountState.from_npz(tmp_path / "text.npz")
    with pytest.raises(ValueError, match="The buffer is no file of"):
        CountState.from_npz(io.BytesIO(b""))
    with pytest.raises(FileNotFoundError):
        CountState.from_npz(tmp_path / "gone.npz")
    arrays = WHOLE.to_arrays()
    del arrays["counts/0/1"]
    np.savez(tmp_path / "less.npz", **arrays)
    with pytest.raises(ValueError, match="it holds no 'counts/0/1'"):
        CountState.from_npz(tmp_path / "less.npz")


@pytest.mark.parametrize(
    ("steps", "text"),
    [(0, "at least 1, got 0"), (21, "at most 20, got 21"), (2.5, "whole number, got 2.5")],
)
def test_steps_are_checked(steps, text):
    with pytest.raises(ValueError, match=f"`steps` must be .*{text}"):
        EDGE().fit_hash(X, Y, steps=steps)


def test_the_released_code_counts_no_chunks():
    with pytest.raises(TypeError, match=r"EDGE.semirobust\(\) cannot count chunks"):
        EDGE.semirobust().fit_hash(X, Y)


def test_too_few_counted_samples_are_refused():
    with pytest.raises(ValueError, match="Update the state with more chunks"):
        EMPTY.update(X[:3], Y[:3]).finalize()


def damaged(arrays, change):
    arrays = dict(arrays)
    change(arrays)
    file = io.BytesIO()
    np.savez(file, **arrays)
    file.seek(0)
    return file


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.update({"counts/0/0": a["counts/0/0"][:-3]}), "for each of"),
        (lambda a: a.update(n_samples=a["n_samples"] * 10), "add up to the 6000 samples"),
        (lambda a: a.update({"counts/0/0": -a["counts/0/0"]}), "must be positive"),
        (lambda a: a.update({"counts/0/0": 2 * a["counts/0/0"]}), "add up to the 600 samples"),
        (lambda a: a.update({"counts/0/0": a["counts/0/0"] * 1.0}), "got float64"),
        (lambda a: a["codes/0/0"].__setitem__(1, a["codes/0/0"][0]), "must increase"),
        (lambda a: a["codes/0/0"].__setitem__(-1, 2**63), "cells that the hash has not"),
        (lambda a: a.update({n: a[n][:0] for n in ("codes/0/0", "counts/0/0")}), "a sum of 0"),
        (lambda a: a.update(shape=np.array([0, 0])), "0 pairs of sides"),
        (lambda a: a.update(settings=np.array("[" * 100_000)), "recursion"),
        (lambda a: a.update(n_samples=np.array(-1)), "`n_samples` is -1"),
    ],
)
def test_counts_that_no_data_can_give_are_refused_before_a_kernel_reads_them(change, message):
    x, y = np.random.default_rng(0).normal(size=(2, 600, 2))
    arrays = EDGE(members=2).fit_hash(x, y).update(x, y).to_arrays()
    arrays["codes/0/0"] = arrays["codes/0/0"].astype(np.uint64)
    with pytest.raises(ValueError, match=message):
        CountState.from_npz(damaged(arrays, change))


def test_a_label_that_the_hash_has_not_is_refused():
    labels = np.arange(600) % 3
    state = EDGE(members=1).fit_hash(labels, labels).update(labels, labels)
    arrays = state.to_arrays()
    assert CountState.from_arrays(arrays).finalize() == state.finalize()
    arrays["codes/0/0"] = arrays["codes/0/0"].copy()
    arrays["codes/0/0"][-1] += 1  # (2, 3) of three labels each
    with pytest.raises(ValueError, match="cells that the hash has not"):
        CountState.from_arrays(arrays)
