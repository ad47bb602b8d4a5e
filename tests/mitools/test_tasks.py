"""Benchmark tasks: their truths, their samples, and the scores of estimators on them."""

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import dblquad
from scipy.stats import ks_2samp

from mitools import KSG, Geometric
from mitools.tasks import SUITES, Score, Scores, Task, bend, fresh, run_tasks, saved_tasks, suite
from mitools.tasks.bmi40 import additive, spiral, student, student_entropy, two_pairs
from mitools.tasks.mixtures import Mixture, normal_information, normal_pairs
from mitools.tasks.truths import entropy_on_grid, normal_density, normal_entropy

SAVED = Path(__file__).parents[2].parent / "shared" / "reference" / "tasks"
MIXTURES = {
    name: (task[0], task[1]) for module in (bend, fresh) for name, task in module.MIXTURES.items()
}


def noise(n, rng):
    return rng.normal(size=(n, 2)), rng.normal(size=(n, 1))


# --- the suites -----------------------------------------------------------------------------


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


@pytest.mark.parametrize("name", [name for name in MIXTURES if "25+25" not in name])
def test_truths_of_mixtures_are_the_mean_of_their_density_ratio(name):
    mixture, truth = MIXTURES[name]
    mean, error = mixture.information(20_000, seed=1)  # other samples than those of the truth
    assert abs(mean - truth) < 4.5 * error
    assert error < 0.01


def test_a_mixture_knows_its_information():
    # a single component: the closed form; the control is another correlation
    mean, error = normal_pairs([0.8, 0.5], 3, 2).information(20_000, seed=0)
    assert abs(mean - normal_information([0.8, 0.5])) < 4.5 * error
    assert abs(mean - normal_information([0.8, 0.6])) > 4.5 * error


def test_truth_of_crossing_ridges_by_quadrature():
    mixture, truth = MIXTURES["X 1+1"]
    assert isinstance(mixture, Mixture)

    def density(x, y):
        scale = 2 * np.pi * math.sqrt(1 - 0.81)
        return sum(
            0.5 * math.exp(-0.5 * (x * x - 2 * r * x * y + y * y) / (1 - 0.81)) / scale
            for r in (0.9, -0.9)
        )

    def term(x, y):
        p = density(x, y)
        product = math.exp(-0.5 * (x * x + y * y)) / (2 * np.pi)
        return p * math.log(p / product) if p > 0 else 0.0

    value = 4 * dblquad(term, 0, 7, 0, 7, epsabs=1e-5)[0]  # it has both signs of both axes
    assert abs(value - truth) < 0.001


@pytest.mark.parametrize("name", ["sine 1+1", "product 2+1"])
def test_truths_by_quadrature_agree_with_samples_of_the_density(name):
    task = next(task for task in suite("fresh") if task.name == name)
    rng = np.random.default_rng(0)
    x, y = task.draw(4000, rng)
    signal, deviation = (np.sin(6 * x), 0.3) if name == "sine 1+1" else (x[:, :1] * x[:, 1:], 0.5)
    others, _ = task.draw(4000, rng)
    centres = np.sin(6 * others) if name == "sine 1+1" else others[:, :1] * others[:, 1:]
    given = normal_density(y, signal, deviation)[:, 0]
    marginal = normal_density(y, centres.T, deviation).mean(axis=1)
    terms = np.log(given / marginal)
    assert abs(terms.mean() - task.mutual_information) < 5 * terms.std() / np.sqrt(4000)


def test_entropies():
    value = entropy_on_grid(lambda y: normal_density(y, 0.0, 0.7), -6, 6)
    assert abs(value - normal_entropy(0.7)) < 1e-9
    assert abs(student_entropy(3, 1e7) - 3 * normal_entropy(1.0)) < 1e-5  # many degrees: normal


# --- the published benchmark ----------------------------------------------------------------


def pairs_of(name):
    if not (SAVED / "manifest.csv").exists():
        pytest.skip("the saved tasks are not here")
    return {task.name: task for task in saved_tasks(SAVED)[name]}


def test_truths_of_the_published_tasks():
    saved = pairs_of("bmi40")
    ours = {task.name: task for task in suite("bmi40")}
    assert list(ours) == list(saved)
    for name, task in ours.items():
        assert abs(task.mutual_information - saved[name].mutual_information) < 1e-6


def views(x, y, like):
    """Return columns in which a wrong margin, angle or pairing shows, in units of `like`."""
    first, other = (np.column_stack([x[:, :3], y[:, :3]]) for x, y in ((x, y), like))
    middle, spread = np.median(other, axis=0), np.subtract(*np.quantile(other, [0.8, 0.2], axis=0))
    first = np.clip((first - middle) / spread, -20, 20)
    i, j = np.triu_indices(first.shape[1], 1)
    lengths = np.log(np.column_stack([(x**2).sum(axis=1), (y**2).sum(axis=1)]))
    columns = [first, first[:, i] * first[:, j], first[:, i] - first[:, j], lengths]
    return np.column_stack([*columns, lengths.sum(axis=1)]).T


def alike(one, other):
    """Return the least p value that any view of the two samples has one distribution."""
    pairs = zip(views(*one, other), views(*other, other), strict=True)
    return min(ks_2samp(a, b).pvalue for a, b in pairs)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(task.name, marks=pytest.mark.slow if "25-25" in task.name else [])
        for task in suite("bmi40")
    ],
)
def test_samples_of_the_published_tasks_are_alike(name):
    saved = pairs_of("bmi40")[name]
    ours = next(task for task in suite("bmi40") if task.name == name)
    assert alike(ours.sample(4000), saved.sample(4000)) > 1e-5


def test_another_angle_or_correlation_would_be_seen():
    """The negative control: a spiral of another speed, and a pair less correlated."""
    saved = pairs_of("bmi40")
    for name, wrong in {
        "spiral-multinormal-sparse-5-5-2-2.0": spiral(two_pairs(5), 3),
        "multinormal-sparse-3-3-2-2.0": two_pairs(3, strength=1.0),
        "student-identity-3-3-2": student(3, 3),
        "1v1-additive-0.1": additive(0.15),
    }.items():
        assert alike(wrong.sample(4000), saved[name].sample(4000)) < 1e-5


# --- saved tasks ----------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.savez(tmp_path / f"{name}.npz", x=rng.normal(size=50), y=rng.normal(size=(50, 2)))
    np.savez(tmp_path / "given.npz", x=np.ones(9), y=np.ones(9), z=np.ones(9))
    pd.DataFrame(
        {
            "suite": ["one", "two", "two"],
            "task_id": ["first", "second", "conditional"],
            "file": ["a.npz", "b.npz", "given.npz"],
            "mi_nats": [0.25, 0.0, 0.1],
        }
    ).to_csv(tmp_path / "manifest.csv", index=False)
    return tmp_path


def test_saved_tasks_are_rows_of_their_files(folder):
    suites = saved_tasks(folder)
    assert {name: [task.name for task in tasks] for name, tasks in suites.items()} == {
        "one": ["first"],
        "two": ["second"],  # with z, the truth is of something else
    }
    (task,) = suites["one"]
    x, y = task.sample(20, seed=3)
    whole = np.load(folder / "a.npz")
    rows = [int(np.flatnonzero(whole["x"] == value)[0]) for value in x[:, 0]]
    assert len(set(rows)) == 20
    assert np.array_equal(y, whole["y"][rows])
    assert task.mutual_information == 0.25
    with pytest.raises(ValueError, match=r"a\.npz has 50 rows, fewer than 51"):
        task.sample(51)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="file"), "has no column 'file'"),
        (lambda frame: frame.assign(file="c.npz"), "names 'c.npz' for 'first'; there is no such"),
        (lambda frame: frame.assign(mi_nats="much"), "must be a number, got 'much'"),
    ],
)
def test_a_bad_manifest_says_what_is_wrong(folder, change, message):
    change(pd.read_csv(folder / "manifest.csv")).to_csv(folder / "manifest.csv", index=False)
    with pytest.raises(ValueError, match=message):
        saved_tasks(folder)


def test_a_folder_without_manifest_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no manifest\.csv in"):
        saved_tasks(tmp_path)


# --- scores ---------------------------------------------------------------------------------


def test_scores_are_the_estimator_s_values():
    task = Task("noise", noise, 0.25)
    scores = run_tasks(task, ["ksg:k=3", KSG()], n=[50, 80], seeds=2)
    assert len(scores) == 8
    for score in scores:
        estimator = KSG(k=3) if score.estimator == "KSG(k=3)" else KSG()
        value = estimator.estimate(*task.sample(score.n, score.seed)).value
        assert score.value == value
        assert score.error == value - 0.25
        assert (score.suite, score.d_x, score.d_y) == ("tasks", 2, 1)
        assert score.cpu_s >= 0


def test_functions_are_estimators_and_may_decline():
    tasks = [Task("noise", noise, 0.5), suite("bend")[0]]

    def mine(x, y):
        return 1.0 if x.shape[1] == 2 else None

    done = []
    scores = run_tasks(tasks, mine, n=30, progress=lambda *of: done.append(of))
    assert [score.value for score in scores] == [1.0]
    assert scores.estimators == ["mine"]
    assert scores.mean_absolute_error("mine") == 0.5
    assert done == [(1, 2), (2, 2)]


def test_a_refusal_is_a_note_and_other_errors_are_raised():
    def picky(x, y):
        if x.shape[1] > 1:
            raise ValueError("one column, please")
        return 0.0

    scores = run_tasks({"mine": [Task("noise", noise, 0.5), *suite("bend")[:1]]}, picky, n=30)
    refused, answered = scores
    assert refused.note == "one column, please"
    assert math.isnan(refused.value)
    assert scores.mean_absolute_error() == abs(answered.error)
    assert "picky refused 1 of 2: one column, please" in str(scores)

    def broken(x, y):
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        run_tasks("bend", broken, n=30)


def test_warnings_become_notes(recwarn):
    ties = Task("ties", lambda n, rng: (np.zeros((n, 1)).round(), noise(n, rng)[0]), 0.0)
    half = Task("half", lambda n, rng: (np.maximum(noise(n, rng)[0], 0), noise(n, rng)[1]), 0.0)
    notes = {score.task: score.note for score in run_tasks([ties, half], "ksg", n=60)}
    assert "25%" in notes["half"]
    assert not recwarn.list


def table():
    rows = [
        Score("one", "first", 1, 1, 10, seed, name, 1.0, value, 0.5)
        for seed in (0, 1)
        for name, value in (("a", 1.5 + seed), ("b", 1.0 - seed))
    ]
    return Scores((*rows, Score("two", "third", 2, 1, 10, 0, "a", 0.0, float("nan"), 0.1, "no")))


def test_errors_are_averaged_by_what_is_chosen():
    scores = table()
    assert scores.mean_absolute_error("a", suite="one") == 1.0
    assert scores.mean_absolute_error("b") == 0.5
    assert math.isnan(scores.mean_absolute_error(suite="two"))
    with pytest.raises(ValueError, match="No estimator named 'c'"):
        scores.mean_absolute_error("c")


def test_the_table_has_value_truth_error_and_seconds():
    lines = str(table()).splitlines()
    assert lines[0] == "one, n = 10, mean of 2 samples a task; nats"
    assert lines[2].split() == ["value", "error", "CPU", "s"] * 2
    assert lines[3].split() == ["first", "1.000", *"2.000 1.000 0.500 0.500 -0.500 0.500".split()]
    assert lines[4].split() == ["mean", "absolute", "error", "1.000", "0.500"]
    assert lines[-1] == "a refused 1 of 1: no"
    assert "third" in lines[-5]


def test_files_hold_every_estimate(tmp_path):
    scores = table()
    scores.save(tmp_path / "new" / "scores.json", machine="this")
    record = json.loads((tmp_path / "new" / "scores.json").read_text())
    assert record["machine"] == "this"
    assert record["rows"][0]["error"] == 0.5
    assert record["rows"][-1]["value"] is None
    assert record["summary"][0]["mean_absolute_error"] == 1.0
    scores.save(tmp_path / "scores.csv")
    frame = pd.read_csv(tmp_path / "scores.csv")
    pd.testing.assert_frame_equal(
        frame.fillna({"note": ""}), scores.to_frame().astype({"value": float, "error": float})
    )
    with pytest.raises(ValueError, match=r"saved as \.json or \.csv, got 'scores\.txt'"):
        scores.save(tmp_path / "scores.txt")


@pytest.mark.parametrize(
    ("tasks", "estimators", "settings", "message"),
    [
        ("bent", "ksg", {}, "No suite named 'bent'"),
        ("bend", "kgs", {}, "No estimator named 'kgs'"),
        ("bend", ["ksg", KSG()], {}, r"Two of the `estimators` are called 'KSG\(\)'"),
        ("bend", Geometric(), {}, "something other than mutual information in nats"),
        ("bend", "ksg", {"n": 0}, "`n` must be at least 1, got 0"),
        ("bend", "ksg", {"n": []}, "`n` must hold at least one number"),
        ("bend", "ksg", {"seeds": 0}, "`seeds` must be at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(tasks, estimators, settings, message):
    with pytest.raises(ValueError, match=message):
        run_tasks(tasks, estimators, **settings)


def test_wrong_kinds_are_refused():
    with pytest.raises(TypeError, match="`tasks` must be names of suites or tasks, got 3"):
        run_tasks([3])
    with pytest.raises(TypeError, match="`estimators` must be estimators"):
        run_tasks("bend", 3)


def test_mixtures_are_drawn_component_by_component():
    """A root for each sample would take 40 GB for 5,000 samples of 1,024 columns."""
    covariances = np.array([[[4.0, 1.2], [1.2, 1.0]], [[1.0, 0.0], [0.0, 9.0]]])
    means = np.array([[0.0, 10.0], [100.0, -10.0]])
    x, y = Mixture(np.array([0.25, 0.75]), means, covariances, 1).draw(
        40_000, np.random.default_rng(0)
    )
    for first, mean, covariance in zip(
        (x[:, 0] < 50, x[:, 0] > 50), means, covariances, strict=True
    ):
        rows = np.hstack([x, y])[first]
        assert np.allclose(rows.mean(axis=0), mean, atol=0.1)
        assert np.allclose(np.cov(rows.T), covariance, rtol=0.05, atol=0.05)
    tracemalloc.start()
    suite("wide")[0].sample(2000, 0)
    assert tracemalloc.get_traced_memory()[1] < 300e6
    tracemalloc.stop()
