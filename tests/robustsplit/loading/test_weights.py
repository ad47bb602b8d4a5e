"""Checkpoints as tools write them: the right weights, whatever key and prefix they stand under."""

import argparse
import collections
import pathlib

import numpy as np
import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm, weight_norm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from robustsplit import NormalizedModel
from robustsplit.loading import build_model, load_weights
from tests.robustsplit.savable import Net, Tied, assert_same, build, put


def averaged(ema):
    model = build()
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9) if ema else None)
    average.update_parameters(model)
    return average.state_dict()


def optimizer():
    model = build()
    made = torch.optim.Adam(model.parameters())
    model(torch.rand(2, 1, 6, 6)).sum().backward()
    made.step()
    return made.state_dict()


def madry(state):
    wrapped = put(state, "module.model.") | put(state, "module.attacker.model.")
    for place in ("normalizer", "attacker.normalize"):
        wrapped[f"module.{place}.new_mean"] = torch.tensor([0.5]).view(1, 1, 1)
        wrapped[f"module.{place}.new_std"] = torch.tensor([0.25]).view(1, 1, 1)
    return {"model": wrapped, "optimizer": optimizer(), "schedule": None, "epoch": 3, "amp": None}


FORMS = {
    "plain": lambda s: s,
    "state_dict": lambda s: {"state_dict": s, "epoch": 3, "best_acc1": torch.tensor(70.1)},
    "lightning": lambda s: {
        "epoch": 1,
        "global_step": 20,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": put(s, "model.") | {"val_acc.correct": torch.tensor(3)},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_k": torch.tensor(1.0)}},
        "optimizer_states": [optimizer()],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 0.1},
    },
    "lightning, other attribute": lambda s: {"state_dict": put(s, "classifier.net.")},
    "swa": lambda _: averaged(ema=False),
    "ema": lambda _: {"ema": averaged(ema=True), "step": 4},
    "params_ema": lambda s: {"params_ema": s},
    "madry": madry,
    "robustbench": lambda s: {"model_state_dict": put(s, "module."), "epoch": 1},
    "deepspeed": lambda s: {
        "module": s,
        "buffer_names": ["norm.running_mean"],
        "optimizer": None,
        "param_shapes": [{name: value.shape for name, value in s.items()}],
        "ds_config": {"train_batch_size": 8},
        "ds_version": "0.16",
        "global_steps": 3,
    },
    "timm": lambda s: {
        "epoch": 3,
        "arch": "net",
        "state_dict": s,
        "optimizer": optimizer(),
        "version": 2,
        "args": argparse.Namespace(lr=0.1, data=pathlib.PurePosixPath("/data")),
        "metric": np.float64(70.1),
    },
    "huggingface": lambda s: put(s, "resnet."),
    "network": lambda s: {"network": s, "history": [1.0, 2.0], "seen": np.arange(3)},
    "model of state_dict": lambda s: {"model": {"state_dict": put(s, "module."), "step": 1}},
    "list": lambda s: [{"weights": s}],
    "compiled": lambda s: put(s, "_orig_mod."),
    "compiled and parallel": lambda s: {"net": put(s, "_orig_mod.module.")},
    "parallel features": lambda s: {
        n.replace("features.", "features.module."): v for n, v in s.items()
    },
    "compiled features": lambda s: {
        n.replace("features.", "features._orig_mod."): v for n, v in s.items()
    },
    "fsdp": lambda s: put(s, "_fsdp_wrapped_module.module."),
    "doubles": lambda s: {n: v.double() if v.is_floating_point() else v for n, v in s.items()},
    "parameters": lambda s: {n: nn.Parameter(v, False) for n, v in s.items()},
    "averages without counters": lambda s: {
        "state_dict": s,
        "ema": {n: v for n, v in s.items() if v.is_floating_point()},
    },
    "equal twice": lambda s: {"state_dict": s, "best": {n: v.clone() for n, v in s.items()}},
    "ema of another network": lambda s: {"state_dict": s, "ema": put(Tied().state_dict(), "")},
}


@pytest.fixture(params=["net", "compiled", "parallel", "normalized"])
def target(request):
    model = build(seed=1)
    wrap = {
        "net": lambda m: m,
        "compiled": torch.compile,
        "parallel": nn.DataParallel,
        "normalized": lambda m: NormalizedModel(m, 0.5, 0.5),
    }
    return model, wrap[request.param](model)


@pytest.mark.parametrize("form", list(FORMS))
def test_the_weights_are_found_wherever_they_stand(form, target, tmp_path):
    inner, model = target
    state = build().state_dict()
    torch.save(FORMS[form](state), tmp_path / "w.ckpt")
    said = load_weights(model, tmp_path / "w.ckpt")
    assert_same(inner, state)
    assert (not said.notes) == (form != "madry")


@pytest.mark.parametrize("form", ["plain", "huggingface", "compiled and parallel", "swa"])
@pytest.mark.parametrize("name", ["w.safetensors", "W.SAFETENSORS", "w.bin"])
def test_safetensors_by_any_name(form, name, tmp_path):
    state = build().state_dict()
    content = FORMS[form](state)
    content = next(iter(content.values())) if "net" in content else content
    save_file({key: value.clone() for key, value in content.items()}, tmp_path / name)
    model = build(seed=1)
    load_weights(model, tmp_path / name)
    assert_same(model, state)


def test_what_was_read_is_told(tmp_path):
    path = tmp_path / "w.ckpt"
    torch.save(FORMS["lightning"](build().state_dict()), path)
    said = load_weights(build(seed=1), path)
    assert (said.key, said.prefix, said.left_out) == ("state_dict", "model.", ())
    torch.save(madry(build().state_dict()), path)
    said = load_weights(build(seed=1), path)
    assert (said.key, said.prefix.split(".")[0]) == ("model", "module")
    assert set(said.left_out) == {
        f"module.{where}.new_{kind}"
        for where in ("normalizer", "attacker.normalize") for kind in ("mean", "std")
    }  # fmt: skip
    assert "measure with --mean 0.5 --std 0.25" in said.notes[-1]
    torch.save(put(build().state_dict(), "encoder.") | {"head.weight": torch.ones(2, 2)}, path)
    (note,) = load_weights(build(seed=1), path).notes
    assert "1 tensors beside the network's were left out: 'head.weight'" in note


BOTH = {
    "keys": (
        lambda s, o: {"state_dict": s, "state_dict_ema": o},
        [({"key": "state_dict"}, 0), ({"key": "state_dict_ema"}, 1)],
    ),
    "prefixes": (
        lambda s, o: put(s, "student.") | put(o, "teacher."),
        [({"prefix": "student."}, 0), ({"prefix": "teacher"}, 1)],
    ),
    "key and prefix": (
        lambda s, o: {"model": {"a": put(s, "x.") | put(o, "y.")}, "ema": o},
        [({"key": "model.a", "prefix": "x"}, 0), ({"key": "ema"}, 1),
         ({"key": "model", "prefix": "y."}, 1)],
    ),
    "gowal": (
        lambda s, o: {"unaveraged_model_state_dict": s, "model_state_dict": put(o, "module.")},
        [({"key": "model_state_dict"}, 1), ({"key": "unaveraged_model_state_dict"}, 0)],
    ),
    "lightning's own ema": (
        lambda s, o: {"state_dict": put(s, "model.") | put(o, "ema_model.module.")},
        [({"prefix": "model"}, 0), ({"prefix": "ema_model.module"}, 1)],
    ),
}  # fmt: skip


def test_the_question_lists_what_fits(tmp_path):
    one, two = build().state_dict(), build(seed=9).state_dict()
    torch.save({"state_dict": put(one, "a."), "more": {"ema": two}}, tmp_path / "w.pt")
    expected = r"--key more.ema \(13 tensors\); --key state_dict --prefix a. \(13 tensors\). Say"
    with pytest.raises(ValueError, match=expected):
        load_weights(build(seed=1), tmp_path / "w.pt")


def test_odd_keys_are_shown_as_they_can_be_typed(tmp_path):
    one, two = build().state_dict(), build(seed=9).state_dict()
    torch.save({"a 'b'": one, "\x1b]0;title\a": two}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="fit this network and differ") as caught:
        load_weights(build(seed=1), tmp_path / "w.pt")
    said = str(caught.value)
    assert """--key 'a '"'"'b'"'"''""" in said and "--key '\\x1b]0;title\\x07'" in said


@pytest.mark.parametrize("case", list(BOTH))
def test_of_two_that_differ_one_must_be_named(case, tmp_path):
    make, answers = BOTH[case]
    states = build().state_dict(), build(seed=9).state_dict()
    torch.save(make(*states), tmp_path / "w.pt")
    model = build(seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(
        ValueError, match=r"holds 2 sets of weights that fit .* differ: .*Say which"
    ):
        load_weights(model, tmp_path / "w.pt")
    assert_same(model, before)
    for options, which in answers:
        load_weights(model, tmp_path / "w.pt", **options)
        assert_same(model, states[which])
    with pytest.raises(ValueError, match="No key named 'state_dct'"):
        load_weights(model, tmp_path / "w.pt", key="state_dct")
    with pytest.raises(ValueError, match=r"No prefix named 'nothing\.'"):
        load_weights(model, tmp_path / "w.pt", prefix="nothing.")


@pytest.mark.parametrize("wrap", ["model.", "0.", "backbone.body."])
def test_a_network_in_a_wrapper_of_its_own(wrap, tmp_path):
    state = build().state_dict()
    torch.save({"state_dict": put(state, "module.")}, tmp_path / "w.pt")
    torch.save(state, tmp_path / "bare.pt")
    inner = build(seed=1)
    outer = inner
    for name in reversed(wrap.strip(".").split(".")):
        shell = nn.Module()
        shell.add_module(name, outer)
        outer = shell
    load_weights(outer, tmp_path / "bare.pt")
    assert_same(inner, state)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
@pytest.mark.parametrize("versions", [True, False])
def test_states_that_do_not_count_batches(suffix, versions, tmp_path):
    state = build().state_dict()
    kept = collections.OrderedDict((n, v) for n, v in state.items() if "num_batches" not in n)
    if versions:
        kept._metadata = state._metadata
    path = tmp_path / f"w.{suffix}"
    torch.save(kept, path) if suffix == "pt" else save_file(kept, path)
    model = build(seed=1)
    load_weights(model, path)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in kept.items())


NORMS = {"old": weight_norm, "new": parametrizations.weight_norm}


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated")
@pytest.mark.parametrize("saved", list(NORMS))
@pytest.mark.parametrize("made", list(NORMS))
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("bias", [True, False])
def test_weight_normalisation_of_either_kind(saved, made, prefix, bias, tmp_path):
    def network(seed, norm):
        torch.manual_seed(seed)
        layers = nn.Sequential(nn.Linear(5, 4, bias=bias), nn.ReLU(), nn.Linear(4, 3, bias=bias))
        norm(layers[0]), norm(layers[2])
        return layers

    right = network(0, NORMS[saved])
    torch.save(put(right.state_dict(), prefix), tmp_path / "w.pt")
    model = network(1, NORMS[made])
    load_weights(model, tmp_path / "w.pt")
    x = torch.rand(7, 5)
    assert torch.equal(model(x), right(x))


@pytest.mark.parametrize("norm", [spectral_norm, parametrizations.spectral_norm])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_spectral_normalisation_keeps_its_vectors(norm, prefix, tmp_path):
    right = build(norm=norm)
    state = put(right.state_dict(), prefix)
    state._metadata = {prefix[:-1] + ("." if n and prefix else "") + n: v
                       for n, v in right.state_dict()._metadata.items()}  # fmt: skip
    torch.save({"model": state}, tmp_path / "w.pt")
    model = build(seed=1, norm=norm)
    load_weights(model, tmp_path / "w.pt")
    assert_same(model, right.state_dict())


def test_tied_weights_saved_once(tmp_path):
    right, model = build(Tied), build(Tied, seed=1)
    save_model(right, tmp_path / "w.safetensors")
    load_weights(model, tmp_path / "w.safetensors")
    assert_same(model, right.state_dict())
    assert model.b.weight is model.a.weight
    untied = nn.ModuleDict({"a": nn.Linear(5, 5), "b": nn.Linear(5, 5, bias=False),
                            "c": nn.Linear(5, 5, bias=False)})  # fmt: skip
    load_weights(untied, tmp_path / "w.safetensors")  # the file says which are equal
    assert torch.equal(untied["c"].weight, right.a.weight)
    torch.save({"a.bias": right.a.bias, "b.weight": right.b.weight}, tmp_path / "w.pt")
    load_weights(build(Tied, seed=2), tmp_path / "w.pt")
    torch.save({"a.bias": right.a.bias}, tmp_path / "w.pt")
    with pytest.raises(ValueError, match="3 of its 4 tensors are missing"):
        load_weights(model, tmp_path / "w.pt")


@pytest.mark.parametrize("kind", [torch.half, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("zipped", [True, False])
def test_other_precisions_the_old_format_and_lazy_layers(kind, zipped, tmp_path):
    right = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).to(kind)
    state = {"state_dict": right.state_dict()}
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    for model in (
        nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)),
        nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(2)),
    ):
        load_weights(model, tmp_path / "w.pt")
        assert torch.equal(model[2].weight, right[2].weight.float())


class Versioned(nn.Module):
    """A module that reads an old name in a hook of its own, and keeps extra state."""

    def __init__(self):
        super().__init__()
        self.fresh = nn.Parameter(torch.zeros(3))
        self.extra = 0
        self._register_load_state_dict_pre_hook(self._rename)

    def _rename(self, state, prefix, *_):
        if prefix + "stale" in state:
            state[prefix + "fresh"] = state.pop(prefix + "stale")

    def get_extra_state(self):
        return {"extra": self.extra}

    def set_extra_state(self, state):
        self.extra = state["extra"]


@pytest.mark.parametrize("prefix", ["", "module."])
def test_hooks_and_extra_state_are_torchs(prefix, tmp_path):
    model = nn.Sequential(Versioned(), nn.Linear(2, 2))
    state = {
        "0.stale": torch.ones(3),
        "0._extra_state": {"extra": 5},
        "1.weight": torch.ones(2, 2),
        "1.bias": torch.ones(2),
    }
    model.load_state_dict(dict(state), strict=True)
    model[0].extra = 0
    nn.init.zeros_(model[0].fresh)
    torch.save({"state_dict": put(state, prefix)}, tmp_path / "w.pt")
    load_weights(model, tmp_path / "w.pt")
    assert model[0].extra == 5 and model[0].fresh.eq(1).all()


REFUSED = {
    "nothing": (lambda s: {"epoch": 3, "model": {}}, "holds no state dict .*'epoch' \\(int\\)"),
    "names": (lambda s: [1, "a"], "it holds a list"),
    "another": (
        lambda s: {"model": build(Tied).state_dict(), "optimizer": {}},
        r"13 of its 13 tensors are missing .*Found in the file: 'model' \(4 tensors, such as",
    ),
    "one missing": (
        lambda s: {"state_dict": {f"model.{n}": v for n, v in s.items() if n != "fc.bias"}},
        "1 of its 13 tensors are missing and 0 are unexpected .read at --key state_dict --prefix",
    ),
    "one too many": (lambda s: dict(s, more=torch.ones(1)), "0 of its .* and 1 are unexpected"),
    "classes": (
        lambda s: dict(s, **build(lambda: Net(5)).state_dict()),
        r"'fc\.weight' has shape \(5, 6\) .* and \(3, 6\)",
    ),
    "integers": (
        lambda s: {n: (v * 9).to(torch.int8) for n, v in s.items()},
        r"'conv1\.weight' holds torch.int8",
    ),
    "sparse": (
        lambda s: {n: v.to_sparse() if v.ndim > 1 else v for n, v in s.items()},
        r"do not fit: While copying the parameter named \"conv1\.weight",
    ),
    "complex": (lambda s: dict(s, **{"fc.bias": torch.ones(3) * 1j}), "holds torch.complex64"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_what_does_not_fit_is_explained_and_changes_nothing(case, tmp_path):
    make, message = REFUSED[case]
    torch.save(make(build().state_dict()), tmp_path / "w.pt")
    model = build(seed=1)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=message):
        load_weights(model, tmp_path / "w.pt")
    assert_same(model, before)


class HubModel(Net):
    """A model with the class method of Hugging Face's."""

    @classmethod
    def from_pretrained(cls, path):
        return cls()


def test_models_that_rename_on_loading_say_where_that_is_done(tmp_path):
    torch.save(put(build(Tied).state_dict(), "encoder.layer."), tmp_path / "w.pt")
    with pytest.raises(ValueError, match="let the factory call from_pretrained"):
        load_weights(HubModel(), tmp_path / "w.pt")


def test_weights_that_do_not_fit_are_explained(user, tmp_path):
    model = build_model(f"{user}/nets.py:tiny")
    state = model.state_dict()
    renamed = {("1.wieght" if key == "1.weight" else key): value for key, value in state.items()}
    save_file(renamed, tmp_path / "renamed.safetensors")
    with pytest.raises(ValueError, match=r"1 .* missing and 1 are unexpected.*mean '1\.weight'"):
        load_weights(model, tmp_path / "renamed.safetensors")
    other = build_model(f"{user}/nets.py:tiny", {"width": 7})
    with pytest.raises(ValueError, match=r"'1\.weight' has shape \(6, 64\) .* \(7, 64\)"):
        load_weights(other, user / "w.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((user / "w.safetensors").read_bytes()[:-9])
    with pytest.raises(ValueError, match="damaged or no safetensors"):
        load_weights(model, tmp_path / "cut.safetensors")
