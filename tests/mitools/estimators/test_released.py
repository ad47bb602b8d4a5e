"""The released codes' presets against published-code values, a naive twin and exact identities."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mitools import EDGE
from mitools.estimators.released import VERSIONS, ReleasedEDGE

REFERENCE = Path(__file__).parents[3].parent / "shared/reference/edge-reference-values.csv"


PRESETS = {
    "edge-4.4.1-papercall": EDGE.semirobust(),
    "edge-4.4.1-default": EDGE.released("4.4.1"),
    "edge-4.3.1-default": EDGE.released("4.3.1"),
}


def gaussian(n, r, d, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d))
    return x, r * x + np.sqrt(1 - r * r) * rng.normal(size=(n, d))


def over_seeds(estimator, n, r, d, seeds=6):
    return np.array(
        [
            replace(estimator, seed=s).estimate(*gaussian(n, r, d, 100 + s)).bits
            for s in range(seeds)
        ]
    )


def agree(values, mean, sd, repetitions):
    """Within 4.5 standard errors; one draw of directions lies behind each reference value."""
    error = np.sqrt(values.var() / len(values) + values.var() + sd**2 / repetitions)
    return abs(values.mean() - mean) <= 4.5 * error + 0.01


# Values of the released code itself: (preset, n, width, r, mean in bits, sd over its repetitions).
MEASURED = [
    ("edge-4.4.1-papercall", 1000, 1, 0.0, 0.0529, 0.0152),
    ("edge-4.4.1-papercall", 1000, 2, 0.9, 1.3503, 0.0473),
    ("edge-4.4.1-papercall", 1000, 5, 0.0, 0.8324, 0.0233),
    ("edge-4.4.1-papercall", 1000, 50, 0.0, 2.8683, 0.0628),
    ("edge-4.4.1-default", 200, 1, 0.9, 1.2547, 0.0723),
    ("edge-4.4.1-default", 200, 2, 0.9, 3.9445, 0.2513),
    ("edge-4.4.1-default", 200, 50, 0.0, 7.6374, 0.0074),
    ("edge-4.3.1-default", 1000, 1, 0.5, 0.3893, 0.0183),
    ("edge-4.3.1-default", 1000, 50, 0.0, 0.4667, 0.0555),
]


@pytest.mark.parametrize(("name", "n", "d", "r", "mean", "sd"), MEASURED)
def test_values_of_the_released_code(name, n, d, r, mean, sd):
    assert agree(over_seeds(PRESETS[name], n, r, d), mean, sd, 8)


def reference_rows(most_samples):
    if not REFERENCE.exists():
        return []
    with REFERENCE.open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if row["estimator"] in PRESETS and row["task"] in ("gauss", "gauss-d512")
        ]
    return [row for row in rows if int(row["n"]) <= most_samples]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the table of reference values is not here")
@pytest.mark.parametrize("name", PRESETS)
def test_the_whole_table_at_200_samples(name):
    checked = check_rows(name, [row for row in reference_rows(200) if row["estimator"] == name])
    assert checked >= 18


@pytest.mark.slow
@pytest.mark.skipif(not REFERENCE.exists(), reason="the table of reference values is not here")
@pytest.mark.parametrize("name", PRESETS)
def test_the_whole_table_to_5000_samples(name):
    checked = check_rows(name, [row for row in reference_rows(5000) if row["estimator"] == name])
    assert checked >= 50


def check_rows(name, rows):
    """Check each row, and allow one in fifty outside: there are many."""
    outside = []
    for row in rows:
        d, n = int(row["dx"]), int(row["n"])
        r = float(row["setting"].split("rho=")[-1].split(";")[0])
        values = over_seeds(PRESETS[name], n, r, d, 4)
        sd, repetitions = float(row["sd_bits"] or 0.1), int(row["reps"])
        if not agree(values, float(row["est_bits"]), sd, repetitions):
            outside.append((n, d, r, values.mean(), row["est_bits"]))
    assert len(outside) <= max(1, len(rows) // 50), outside
    return len(rows)


def test_independent_wide_layers_look_highly_dependent():
    values = over_seeds(EDGE.semirobust(), 1000, 0.0, 512, 4)
    assert values.mean() == pytest.approx(6.0, abs=0.2)
    assert values.mean() == pytest.approx(
        over_seeds(EDGE.semirobust(), 1000, 0.9, 512, 4).mean(), abs=0.4
    )


def test_figure_2_of_the_paper():
    # X normal in 2 dimensions, Y = X + a U[0, 1]^2, a = 0.2, n = 1000: 2.297 bits from 4.3.1.
    values = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1000, 2))
        y = x + 0.2 * rng.random((1000, 2))
        values.append(replace(EDGE.released("4.3.1"), seed=seed).estimate(x, y).bits)
    assert agree(np.array(values), 2.2966, 0.0674, 4)


def test_the_floor_is_kept_and_so_is_the_upper_clip():
    noise = np.random.default_rng(0).normal(size=(500, 3))
    assert EDGE.released().estimate(np.ones((500, 3)), noise).bits == pytest.approx(0.001)
    x = np.random.default_rng(0).normal(size=(3000, 20))
    assert EDGE.released().estimate(x, x).bits == pytest.approx(10, abs=0.01)
    assert EDGE.released().ceiling(3000) == pytest.approx(10 * np.log(2))


def test_permuted_reuses_the_hashes():
    x, y = gaussian(300, 0.9, 3, 0)
    orders = np.array([np.arange(300), np.random.default_rng(0).permutation(300)])
    for estimator in PRESETS.values():
        values = estimator.prepare(x, y).permuted(orders)
        assert values[0] == pytest.approx(estimator.estimate(x, y).value, abs=1e-12)
        # The probes for the bandwidth are rows, and so differ between the two.
        assert values[1] == pytest.approx(estimator.estimate(x, y[orders[1]]).value, abs=0.2)
        assert values[1] < values[0]


def test_the_same_seed_gives_the_same_bits():
    x, y = gaussian(300, 0.5, 9, 0)
    assert EDGE.semirobust().estimate(x, y).value == EDGE.semirobust().estimate(x, y).value


@pytest.mark.parametrize("n", [2, 10, 19])
def test_too_few_samples_to_project_are_refused(n):
    x, y = gaussian(n, 0.5, 7, 0)
    with pytest.raises(
        ValueError, match=f"needs at least 20 samples for data it projects, got {n}"
    ):
        EDGE.semirobust().estimate(x, y)
    assert np.isfinite(EDGE.semirobust().estimate(*gaussian(20, 0.5, 7, 0)).value)


def test_reprs_name_the_preset():
    assert repr(EDGE.semirobust()) == "EDGE.semirobust()"
    assert repr(EDGE.released("4.3.1")) == 'EDGE.released("4.3.1")'
    assert repr(replace(EDGE.semirobust(), gamma=2.0)).startswith(
        'EDGE.released("4.4.1", members=1'
    )


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"version": "4.4"}, "4.4.1"),
        ({"members": 0}, "`members` must be at least 1"),
        ({"gamma": -1.0}, "must be positive"),
    ],
)
def test_bad_settings_say_what_was_expected(settings, text):
    with pytest.raises(ValueError, match=text):
        ReleasedEDGE(**settings)


def test_documented_versions_are_those_there_are():
    documented = re.search(r"^ *version: (.*)\.$", ReleasedEDGE.__doc__, re.MULTILINE)[1]
    assert re.findall(r"[\d.]+", documented) == list(VERSIONS)
