"""Activations: the right values, the right rows, and no trace left behind."""

import copy
import warnings

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from robustsplit import connectivity
from robustsplit.network import Sketch, capture, collect, unwrap
from tests.robustsplit.odd_networks import ClassToken, Conditioned, LearnedQuery

IMAGES = torch.rand(4, 3, 64, 64)

ROWS = torch.randn(6, 4)


def hooks(model):
    return sum(
        len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()
    )


def chain():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Linear(5, 3), nn.Dropout(), nn.Linear(3, 2)
    )


class Block(nn.Module):
    """Stem, a residual block with a shortcut, head; the additions and ReLUs are functions."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.project, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu_(self.two(torch.relu(self.one(x))) + self.project(x)))


@pytest.fixture(scope="module")
def alexnet():
    torch.manual_seed(0)
    return torchvision.models.alexnet(weights=None).train()


def test_pre_is_before_the_activation_in_spite_of_in_place_relus(alexnet):
    activations = collect(alexnet, IMAGES, point="pre")
    first = alexnet.features[0](IMAGES).flatten(1)
    torch.testing.assert_close(activations["features.0"], first, rtol=1e-5, atol=1e-6)
    negative = {name: (rows < 0).float().mean().item() for name, rows in activations.items()}
    assert all(0.3 < share < 0.7 for share in negative.values()), negative


def test_a_hook_that_keeps_the_tensor_is_wrong_here(alexnet):
    """Negative control: without the copy, the same numbers come out after the ReLU."""
    kept = []
    with alexnet.features[0].register_forward_hook(lambda m, a, o: kept.append(o.detach())):
        alexnet(IMAGES)
    assert (kept[0] < 0).sum() == 0


@pytest.mark.parametrize("architecture", ["alexnet", "resnet18"])
def test_post_is_what_the_next_layer_receives(architecture):
    model = torchvision.models.get_model(architecture, weights=None)
    activations = collect(model, IMAGES[:2])
    *hidden, last = activations
    assert all((activations[name] >= 0).all() for name in hidden)
    assert (activations[last] < 0).any()
    torch.testing.assert_close(activations[last], model.eval()(IMAGES[:2]))
    assert activations.sources[last] == "output"
    assert all(
        activations.sources[name] == f"input of {nxt}" for name, nxt, _ in activations.pairs
    )
    assert all(connected for *_, connected in activations.pairs)


def test_post_includes_functional_activations_and_residual_additions():
    model = Block()
    activations = collect(model, ROWS)
    with torch.no_grad():
        stem = torch.relu(model.stem(ROWS))
        one = torch.relu(model.one(stem))
        two = torch.relu(model.two(one) + model.project(stem))
    for name, expected in {"stem": stem, "one": one, "two": two, "head": model.head(two)}.items():
        torch.testing.assert_close(activations[name], expected)


def test_post_falls_back_to_the_output_where_the_next_layer_is_parallel():
    model = Block()
    activations = collect(model, ROWS, shortcuts="include")
    assert activations.sources["two"] == "output"
    assert [pair.connected for pair in activations.pairs] == [True, True, False, True]
    with torch.no_grad():
        expected = model.two(torch.relu(model.one(torch.relu(model.stem(ROWS)))))
    torch.testing.assert_close(activations["two"], expected)


def test_blocks_and_shortcuts_by_name(alexnet):
    activations = collect(alexnet, IMAGES, ["features", "classifier.1"])
    assert list(activations) == ["features", "classifier.1"]
    assert activations.sources["features"] == "output"
    assert list(collect(Block(), ROWS, ["project"])) == ["project"]


def test_rows_are_appended_in_order_and_batching_does_not_matter():
    model = chain()
    with torch.no_grad(), capture(model, ROWS) as activations:
        assert activations.n_samples == 0
        for batch in ROWS.split(4):
            model(batch)
    assert activations.n_samples == 6
    whole = collect(model, ROWS)
    for name in whole:
        torch.testing.assert_close(activations[name], whole[name])
    arrays = activations.numpy()
    assert arrays["0"].shape == (6, 5)
    assert arrays["0"].dtype == np.float32
    assert repr(activations) == "Activations(3 layers, 6 samples, point='post')"


def test_reused_modules_are_kept_apart_by_pass():
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(4, 4)

        def forward(self, x):
            return self.inner(torch.relu(self.inner(x)))

    model = Reused()
    activations = collect(model, ROWS, point="pre")
    with torch.no_grad():
        first = model.inner(ROWS)
        torch.testing.assert_close(activations["inner"], first)
        torch.testing.assert_close(activations["inner:2"], model.inner(torch.relu(first)))
    again = collect(model, torch.cat([ROWS, ROWS]), batch_size=6, point="pre")
    torch.testing.assert_close(again["inner:2"], activations["inner:2"].repeat(2, 1))


def test_tuples_and_dicts():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent, self.head = nn.LSTM(4, 3, batch_first=True), nn.Linear(3, 2)

        def forward(self, x):
            out, _ = self.recurrent(x)
            return {"none": None, "logits": self.head(out[:, -1])}

    model, x = Odd(), torch.randn(3, 5, 4)
    before = collect(model, x, point="pre")
    assert before["recurrent"].shape == (3, 15)
    after = collect(model, x)
    torch.testing.assert_close(after["recurrent"], before["recurrent"][:, -3:])


def test_eval_mode_inside_and_each_flag_back_outside():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    model.train()
    model[1].eval()
    mean = model[1].running_mean.clone()
    with capture(model, ROWS) as activations:
        assert not any(module.training for module in model.modules())
        model(ROWS)
        model(ROWS)
    assert [m.training for m in model.modules()] == [True, True, False, True, True]
    assert torch.equal(model[1].running_mean, mean)
    assert torch.equal(activations["3"][:6], activations["3"][6:])


class TestHooksAreGone:
    def test_after_success(self):
        model = chain()
        with capture(model, ROWS):
            assert hooks(model) > 0
        assert hooks(model) == 0

    def test_after_an_exception_in_the_block(self):
        model = chain().train()
        with pytest.raises(KeyboardInterrupt), capture(model, ROWS):
            raise KeyboardInterrupt
        assert hooks(model) == 0
        assert model.training

    def test_after_a_forward_pass_that_raises_which_adds_no_rows(self):
        model = chain()
        with capture(model, ROWS) as activations:
            with pytest.raises(RuntimeError):
                model(torch.randn(2, 9))
            model[4].register_forward_pre_hook(self.fail, prepend=True)
            with pytest.raises(ZeroDivisionError):
                model(ROWS)  # layers 0 and 2 have run by then
            model[4]._forward_pre_hooks.popitem(last=False)
            model(ROWS[:2])
        assert hooks(model) == 0
        assert {name: len(rows) for name, rows in activations.items()} == dict.fromkeys("024", 2)

    @staticmethod
    def fail(module, args):
        raise ZeroDivisionError

    def test_when_the_trial_pass_or_the_selection_fails(self):
        model = chain()
        for example, layers in ((torch.randn(2, 9), None), (ROWS, "nothing")):
            with pytest.raises((RuntimeError, ValueError)), capture(model, example, layers):
                pass
        assert hooks(model) == 0

    def test_when_nested(self):
        model = chain()
        with capture(model, ROWS, point="pre") as outer:
            model(ROWS)
            with capture(model, ROWS, ["2"], point="pre") as inner:
                model(ROWS[:1])
            count = hooks(model)
            model(ROWS[:2])
        assert count > 0
        assert hooks(model) == 0
        assert (outer.n_samples, inner.n_samples) == (9, 1)  # the inner trial pass is not captured

    def test_when_a_generator_is_closed(self):
        model = chain().train()

        def batches():
            with capture(model, ROWS) as activations:
                while True:
                    model(ROWS)
                    yield activations

        running = batches()
        next(running)
        assert hooks(model) > 0
        running.close()
        assert hooks(model) == 0
        assert model.training


@pytest.mark.parametrize("wrap", ["data_parallel", "compile", "compile_in_place"])
def test_wrapped_and_compiled_models(wrap):
    model = chain().eval()
    expected = collect(copy.deepcopy(model), ROWS)
    wrapped = model
    if wrap == "data_parallel":
        wrapped = nn.DataParallel(model)
    elif wrap == "compile":
        wrapped = torch.compile(model, backend="eager")
    else:
        model.compile(backend="eager")
    wrapped(ROWS)  # hooks added after the first compiled call are not seen by compiled code
    with torch.no_grad(), capture(wrapped, ROWS) as activations:
        wrapped(ROWS)
    for name in expected:
        torch.testing.assert_close(activations[name], expected[name])
    assert hooks(unwrap(wrapped)) == 0
    wrapped(ROWS)


def test_half_precision_is_widened_with_a_warning_and_double_is_kept():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    assert collect(model.double(), ROWS.double())["0"].dtype == torch.float64
    with pytest.warns(UserWarning, match="bfloat16, which has few distinct values"):
        rows = collect(model.bfloat16(), ROWS.bfloat16())["0"]
    assert rows.dtype == torch.float32


def test_captured_rows_do_not_alias_the_network():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    x = ROWS.clone()
    with torch.no_grad(), capture(model, x, device=None) as activations:
        output = model(x)
        output.zero_()
    assert (activations["1"] != 0).all()
    assert not activations["0"].requires_grad


def test_gradients_still_flow_inside():
    model, x = chain(), ROWS.clone().requires_grad_()
    with capture(model, ROWS) as activations:
        model(x).sum().backward()
    assert x.grad.abs().sum() > 0
    assert not activations["0"].requires_grad


class TestErrors:
    def test_unknown_layer(self):
        with (
            pytest.raises(
                ValueError, match=r"No layer named 'features\.99'. Known layers: 0, 2, 4"
            ),
            capture(chain(), ROWS, ["features.99"]),
        ):
            pass

    def test_uncalled_layer(self):
        model = chain()
        model.add_module("spare", nn.Identity())
        model.forward = lambda x: model[4](model[2](torch.relu(model[0](x))))
        with (
            pytest.raises(ValueError, match=r"'spare' .* never called"),
            capture(model, ROWS, ["spare"]),
        ):
            pass

    def test_point_and_empty_selection(self):
        model = chain()
        with pytest.raises(ValueError, match="'post' or 'pre'"), capture(model, ROWS, point="mid"):
            pass
        with pytest.raises(ValueError, match="No layer was selected"), capture(model, ROWS, []):
            pass

    def test_reductions(self):
        model = chain()
        with pytest.raises(ValueError, match=r"must return shape \(6, d\) for layer '0'"):
            collect(model, ROWS, reduce=lambda a: a.mean())
        with pytest.raises(ValueError, match="None, 'flatten', 'gap' or a callable"):
            collect(model, ROWS, reduce="mean")
        with pytest.raises(ValueError, match="at least 1"):
            Sketch(0)

    def test_nothing_captured(self):
        model = chain()
        with capture(model, ROWS) as activations:
            model.forward(ROWS)
        with pytest.raises(RuntimeError, match=r"model.forward\(x\)` does not run hooks"):
            activations["0"]
        with pytest.raises(KeyError, match="Did you mean"):
            collect(model, ROWS)["00"]

    def test_empty_inputs(self):
        with pytest.raises(ValueError, match="empty"):
            collect(chain(), ROWS[:0])

    def test_a_path_that_depends_on_the_input(self):
        class Fickle(nn.Module):
            def __init__(self):
                super().__init__()
                self.always, self.sometimes = nn.Linear(4, 4), nn.Linear(4, 4)

            def forward(self, x):
                x = self.always(x)
                return self.sometimes(x) if len(x) < 3 else x

        model = Fickle()
        with (
            capture(model, ROWS) as activations,
            pytest.raises(RuntimeError, match=r"did not call .*'sometimes'"),
        ):
            model(ROWS)
        assert activations.n_samples == 0

    def test_a_first_axis_that_is_not_the_batch(self):
        class TimeFirst(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                return self.head(self.inner(x.transpose(0, 1)).mean(0))

        with pytest.raises(ValueError, match="first axis is not the batch"):
            collect(TimeFirst(), torch.rand(2, 5, 4), point="pre")


@pytest.mark.slow
def test_vgg16_at_full_size_stays_small():
    model = torchvision.models.vgg16(weights=None)
    activations = collect(model, torch.rand(3, 3, 224, 224), batch_size=1, reduce=Sketch(12))
    assert len(activations) == 16
    assert sum(rows.nbytes for rows in activations.values()) == 3 * 16 * 12 * 4


class TestPostIsWhatDependsOnTheLayer:
    def test_keys_and_values_beside_a_learned_query(self):
        model, x = LearnedQuery().eval(), torch.rand(5, 3, 2, 2)
        rows = collect(model, x)
        assert rows.sources["hidden"] == "input 2 of attention"
        with torch.no_grad():
            torch.testing.assert_close(rows["hidden"], model.tokens(x).flatten(1))
            torch.testing.assert_close(rows["out"], model(x))
        assert rows.sources["embed"] == "input of hidden"

    @pytest.mark.parametrize("keywords", [False, True])
    def test_what_is_conditioned_and_not_its_condition(self, keywords):
        model, x = Conditioned(keywords), torch.rand(5, 4)
        rows = collect(model, x)
        assert rows.sources["h"] == "input 2 of film"
        with torch.no_grad():
            hidden = model.h(model.first(x).relu()).relu()
        torch.testing.assert_close(rows["h"], hidden)
        assert not torch.equal(rows["h"][:, :4], x)

    @pytest.mark.parametrize(("read", "source"), [(0, "output"), (2, "input of next")])
    def test_a_slice_without_the_layer_gives_way_to_the_output(self, read, source):
        model, x = ClassToken(read), torch.rand(5, 3, 2, 2)
        rows = collect(model, x)
        assert rows.sources["embed"] == source
        assert rows["embed"].std(0).min() > 0  # with the token itself there would be no variation
        assert rows.pairs[0].connected is (read == 2)

    def test_connectivity_calls_no_layer_dead_whose_output_varies(self):
        x, y = torch.rand(60, 3, 2, 2), torch.arange(60) % 2
        settings = {"n_permutations": 5, "n_halves": 2, "released": False, "cross_check": None}
        for model in (LearnedQuery(), ClassToken(0)):
            for pair in connectivity(model.eval(), (x, y), **settings).pairs:
                assert not any("dead" in reason for reason in pair.reasons)
        torch.manual_seed(0)
        off = nn.Sequential(nn.Flatten(), nn.Linear(12, 6), nn.ReLU(), nn.Linear(6, 2))
        with torch.no_grad():
            off[1].bias.fill_(-100)
        (pair,) = connectivity(off, (x, y), **settings).pairs
        assert "the input of 3, is constant within every class, though" in pair.reasons[0]
        with torch.no_grad():
            off[1].weight.zero_()  # negative control: now the layer itself is dead
        (pair,) = connectivity(off, (x, y), **settings).pairs
        assert "a dead or collapsed layer" in pair.reasons[0]


def test_complex_values_are_columns_of_real_and_imaginary_parts():
    model = nn.Sequential(nn.Linear(4, 6, dtype=torch.cfloat), nn.Linear(6, 3, dtype=torch.cfloat))
    x = torch.randn(5, 4, dtype=torch.cfloat)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # torch warns where it drops an imaginary part
        rows = collect(model, x, reduce="flatten")
        sketch = collect(model, x, reduce=Sketch(2))
    with torch.no_grad():
        hidden = model[0](x)
    assert rows["0"].dtype == torch.float32
    torch.testing.assert_close(rows["0"].view(5, 6, 2), torch.view_as_real(hidden))
    assert sketch["0"].shape == (5, 4)
    projected = hidden @ Sketch(2).matrix("0", 6).cfloat()
    torch.testing.assert_close(torch.view_as_complex(sketch["0"].view(5, 2, 2)), projected)
    assert collect(model.to(torch.cdouble), x.cdouble())["1"].dtype == torch.float64


class TestBatches:
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.b(nn.functional.batch_norm(self.a(x), None, None, training=True))

    class Centred(Functional):
        def forward(self, x):
            return self.b(self.a(x) - self.a(x).mean(0))

    @pytest.mark.parametrize(
        ("model", "message"),
        [
            (lambda: chain_with(nn.BatchNorm1d(5, track_running_stats=False)), r"mode \(1\): "),
            (lambda: TestBatches.Functional(), "batch of 6 than in one of 2"),
            (lambda: TestBatches.Centred(), "other outputs in a batch of 6 than in one of 2"),
        ],
    )
    def test_values_that_depend_on_the_batch_are_told(self, model, message):
        model = model()
        with pytest.warns(UserWarning, match=message):
            rows = collect(model, ROWS)
        assert rows.mixing
        last = rows.layers[-1].name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            halves = collect(model, ROWS, batch_size=3)
        assert not torch.allclose(rows[last], halves[last])

    @pytest.mark.parametrize(
        "norm",
        [nn.BatchNorm1d(5), nn.LayerNorm(5), nn.GroupNorm(1, 5), nn.Dropout()],
    )
    def test_nothing_is_said_where_they_do_not(self, norm):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert collect(chain_with(norm), ROWS).mixing == ""
            instances = nn.Sequential(
                nn.Conv1d(1, 3, 2), nn.InstanceNorm1d(3), nn.Flatten(), nn.Linear(9, 2)
            )
            assert collect(instances, ROWS[:, None]).mixing == ""

    def test_connectivity_notes_it(self):
        model = chain_with(nn.BatchNorm1d(5, track_running_stats=False))
        data = torch.rand(40, 4), torch.arange(40) % 2
        profile = connectivity(model, data, n_permutations=2, n_halves=2, released=False)
        assert any("depend on the other inputs" in note for note in profile.settings["notes"])


def chain_with(norm):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), norm, nn.ReLU(), nn.Linear(5, 2))
