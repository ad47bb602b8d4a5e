"""Settings: read, checked, overridden, written back."""

import json
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from robustsplit.study import config
from robustsplit.study.config import Config, ConfigError, differences, load, parse

STUDY = """
name = "tiny"
seed = 3
[train]
epochs = 2
lr = 1
[attack]
name = "pgd"
eps = "8/255"
steps = 4
[robust]
epochs = 2
[robust.attack]
name = "fgsm"
eps = 0.1
[split]
last = [2, 4]
"""


@pytest.fixture
def study(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(STUDY)
    return path


def test_values_are_read_with_their_types(study):
    got = load(study)
    assert (got.name, got.seed, got.train.epochs, got.split.last) == ("tiny", 3, 2, (2, 4))
    assert isinstance(got.train.lr, float)
    assert got.attack.options == {"eps": "8/255", "steps": 4}
    assert got.robust.attack.name == "fgsm"
    assert got.algorithm1 == config.Algorithm1Config()


def test_resolved_settings_read_back_to_the_same_study(study, tmp_path):
    got = load(study, ['name=with "quotes" and \\ and ü', "model.arguments.width=8"])
    (tmp_path / "resolved.toml").write_text(got.to_toml())
    assert load(tmp_path / "resolved.toml") == got
    assert parse({}) == Config() == parse(tomllib.loads(Config().to_toml()))
    table = tomllib.loads(got.to_toml())
    assert set(table) == {item.name for item in fields(Config)}
    assert table["mi"]["n_permutations"] == got.mi.n_permutations


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("sede = 1", "No configuration key named 'sede'. Did you mean 'seed'"),
        ("[algorithm1]\ntrial = 2", "'algorithm1.trial'. Did you mean 'algorithm1.trials'"),
        ("[mii]\npoint = 'post'", "No configuration key named 'mii'"),
        ("seed = 'one'", "`seed` must be a whole number, got 'one'"),
        ("seed = 1.5", "`seed` must be a whole number, got 1.5"),
        ("seed = true", "`seed` must be a whole number, got True"),
        ("seed = -1", "`seed` must be from 0 to 4294967295, got -1"),
        ("name = 3", "`name` must be text, got 3"),
        ("[train]\nmomentum = 2", "`train.momentum` must be from 0 to 1, got 2.0"),
        ("[split]\nlast = 2", r"`split.last` must be a list, got 2. Write it as \[2\]"),
        ("[split]\nlast = [2, 0]", r"`split.last\[1\]` must be at least 1, got 0"),
        ("[mi]\npoint = 'past'", "`mi.point`: No value named 'past'. Did you mean 'post'"),
        ("[mi]\nreleased = 1", "`mi.released` must be true or false, got 1"),
        ("train = 3", "train must be a table, got 3"),
        ("seed = ", "is no valid TOML"),
    ],
)
def test_wrong_settings_name_the_file_and_the_key(tmp_path, change, message):
    path = tmp_path / "wrong.toml"
    path.write_text(change)
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert "wrong.toml" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "."])
def test_names_stay_below_runs(name):
    with pytest.raises(ConfigError, match="names the run directory"):
        parse({"name": name})
    assert parse({"name": "half 2.1_b-c"}).name == "half 2.1_b-c"


def test_text_in_another_encoding_is_said(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "caf\xe9"'.encode("latin-1"))
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(path)


def test_missing_file_is_said():
    with pytest.raises(FileNotFoundError, match=r"No configuration file nowhere\.toml"):
        load("nowhere.toml")


def test_overrides_take_toml_values_and_bare_words(study):
    got = load(study, ["seed=9", "split.last=[1]", "data.source=npz", "attack.eps=4/255"])
    assert (got.seed, got.split.last, got.data.source) == (9, (1,), "npz")
    assert got.attack.options["eps"] == "4/255"
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        load(study, ["seed"])
    with pytest.raises(ConfigError, match=r"'train\.epoch'\. Did you mean 'train.epochs'"):
        load(study, ["train.epoch=1"])
    with pytest.raises(ConfigError, match="single value"):
        load(study, ["seed.low=1"])


def test_differences_name_each_setting(study):
    old, new = load(study), load(study, ["seed=4", "train.epochs=7", "attack.steps=5"])
    assert differences(old, old) == []
    assert differences(old, new) == [
        "seed: 3 -> 4",
        "train.epochs: 2 -> 7",
        "attack.steps: 4 -> 5",
    ]


def walk(value, prefix=""):
    for item in fields(value):
        inner = getattr(value, item.name)
        if is_dataclass(inner) and not isinstance(inner, config.AttackConfig):
            yield from walk(inner, f"{prefix}{item.name}.")
        elif not is_dataclass(inner):
            yield f"{prefix}{item.name}", inner, item


def test_every_key_says_what_it_means():
    assert all(item.metadata["help"] for _, _, item in walk(Config()))


def test_every_key_stands_in_the_docs_with_its_default():
    page = (Path(__file__).parents[3] / "docs" / "robustsplit.md").read_text()
    training = {item.name for item in fields(config.TrainConfig)}
    for name, default, _ in walk(Config()):
        section, _, key = name.partition(".")
        if section in ("robust", "algorithm1") and key in training:
            continue  # "the same keys" in the docs
        shown = json.dumps(list(default) if isinstance(default, tuple) else default)
        assert f"| `{name}` | `{shown}` |" in page


def test_the_demo_is_a_valid_study():
    demo = load(Path(config.__file__).parents[1] / "demo.toml")
    assert demo.data.source == "digits"
    assert len(demo.split.last) == 2
    assert demo.algorithm1.trials == 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.source=svhn", "^--set data.source=svhn: `data.source`: No value named 'svhn'"),
        ("train.lrr=1", "^--set train.lrr=1: No configuration key named 'train.lrr'"),
        ("split={last=3}", "^--set split={last=3}: `split.last` must be a list"),
    ],
)
def test_an_error_of_an_option_names_the_option_and_not_the_file(study, override, message):
    with pytest.raises(ConfigError, match=message):
        load(study, ["seed=2", override])


def test_a_file_with_a_mark_of_its_encoding_is_read(study):
    study.write_bytes(b"\xef\xbb\xbf" + study.read_bytes())
    assert load(study).seed == 3
