"""No edit of a run's settings stands over numbers that were computed with others."""

import re
import shutil

import pytest

from robustsplit.io import Store
from robustsplit.study.config import Config, ConfigError, load, parse
from robustsplit.study.experiment import Experiment
from robustsplit.study.kept import FREE, Kept, changed

#: An edit of every section, and of each setting that only results depend on.
EDITS = (
    *("seed=7", "data.max_train=30", "data.grayscale=true", "model.arguments={width=7}"),
    *("model.factory='robustsplit.zoo:small_cnn'", "model.weights_key=x", "train.epochs=4"),
    *("robust.lr=0.2", "robust.attack={name='fgsm'}", "attack.eps=0.9", "attack.steps=1"),
    *("split.last=[1]", "split.at=['3']", "algorithm1.trials=1", "algorithm1.tolerance=30"),
    *("algorithm1.inputs=clean", "algorithm1.protocol=static", "mi.estimator=edge"),
    *("mi.reduce=gap", "mi.point=pre", "mi.released=false", "mi.n_permutations=49"),
    *("mi.max_per_class=9", "mi.small_classes=drop", "mi.shortcuts=include"),
)
ALLOWED = ("output.unit=nats", "output.x=from_output", "mi.networks=[]", "name=other")


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_refused_and_named(finished, tmp_path, edit):
    folder, key = tmp_path / "run", edit.partition("=")[0]
    shutil.copytree(finished[0], folder)
    path = folder / "config.toml"
    path.write_text(load(path, [edit]).to_toml())
    before = (folder / "rho.csv").read_bytes()
    with pytest.raises(ConfigError, match=rf"old settings: {re.escape(key)}\S*: \S.* -> "):
        Experiment.open(folder).run()
    assert (folder / "rho.csv").read_bytes() == before


def test_edits_that_change_no_number_are_taken(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished[0], folder)
    path = folder / "config.toml"
    path.write_text(load(path, ALLOWED).to_toml())
    findings = Experiment.open(folder).run()
    assert (findings.unit, findings.name, len(findings.profiles)) == ("nats", "other", 0)
    assert (folder / "rho.csv").read_bytes() == (finished[0] / "rho.csv").read_bytes()


def kept_with(store, config, data):
    kept = Kept(store, config, store.root)
    kept.fix({"data": data})
    return kept


def test_a_record_answers_for_itself(tmp_path):
    """Also where the settings that were kept beside it are gone."""
    store, calls = Store(tmp_path), []
    first = kept_with(store, Config(), "a")
    first.begin()
    assert first.once("results/cut1", lambda: calls.append(1) or {"value": 3}) == {"value": 3}
    assert first.once("results/cut1", lambda: calls.append(1)) == {"value": 3}
    assert len(calls) == 1
    (tmp_path / "settings.safetensors").unlink()
    other = kept_with(store, parse({"mi": {"n_permutations": 9}}), "a")
    with pytest.raises(ConfigError, match=r"mi\.n_permutations: 50 -> 9"):
        other.once("results/cut1", dict)
    with pytest.raises(ValueError, match="The data changed"):
        kept_with(store, Config(), "b").once("results/cut1", dict)


def test_a_record_of_an_earlier_version_is_made_again(tmp_path):
    store = Store(tmp_path)
    store.save("results/cut1", {}, {"value": 1, "settings": {}})
    kept = kept_with(store, Config(), "a")
    assert kept.once("results/cut1", lambda: {"value": 2}) == {"value": 2}


def test_settings_that_there_were_not_had_their_defaults():
    table = Config().to_dict()
    del table["mi"]["small_classes"], table["output"]
    assert changed(table, Config()) == []
    assert changed(table, parse({"mi": {"small_classes": "drop"}}))


def test_settings_that_are_free_exist():
    table = Config().to_dict()
    for name in FREE:
        section, _, key = name.partition(".")
        assert section in table and (not key or key in table[section]), name
