"""Settings that do not go together are refused before anything is computed."""

import pytest

from robustsplit.study.checks import check
from robustsplit.study.config import ConfigError, load, parse
from robustsplit.study.experiment import Experiment


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": {}}, "name at least one cut"),
        ({"data": {"source": "npz"}}, "`data.path` is needed"),
        ({"attack": {"name": "pdg"}}, r"\[attack\]: No attack named 'pdg'. Did you mean 'pgd'"),
        ({"attack": {"name": "pgd", "step": 3}}, "Did you mean 'steps'"),
        ({"attack": {"name": "fgsm", "eps": 8}}, r"perhaps 8/255 was meant"),
        ({"mi": {"estimator": "kgs"}}, "`mi.estimator`.*Did you mean 'ksg'"),
    ],
)
def test_settings_that_cannot_work_are_refused_before_anything_runs(change, message):
    table = {"split": {"last": [2]}, "attack": {"name": "fgsm", "eps": 0.1}, **change}
    with pytest.raises(ConfigError, match=message):
        check(parse(table))


def test_settings_that_would_stop_a_run_half_way_are_refused_at_once():
    cut = {"split": {"last": [1]}}
    with pytest.raises(ConfigError, match=r"`algorithm1.epochs` must be at least 1"):
        check(parse({**cut, "algorithm1": {"epochs": 0}}))
    for text in ("algorithm1.lr=nan", "algorithm1.tolerance=inf", "robust.weight_decay=nan"):
        with pytest.raises(ConfigError, match="must be a finite number"):
            parse(cut, overrides=[text])


@pytest.mark.parametrize("text", ["split.last=[2, 2]", "split.at=['3']"])
def test_the_same_cut_twice_is_refused(study, tmp_path, text):
    with pytest.raises(ConfigError, match="are the same, the last 2 weight layers"):
        Experiment.create(load(study, [text]), tmp_path / "run").run()
