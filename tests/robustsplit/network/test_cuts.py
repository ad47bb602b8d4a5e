"""What arrives at a cut, and whether f_b makes of it what the model does."""

import copy
import warnings
from types import SimpleNamespace

import pytest
import torch
import torchvision
from torch import nn

from robustsplit import learn_rho
from robustsplit.data import DataSplits, ImageData
from robustsplit.network import Split, weight_layers
from robustsplit.training import Recipe
from tests.robustsplit.odd_networks import (
    ClassToken,
    Dense,
    Fire,
    LearnedQuery,
    Random,
    SelfAttention,
    Shuffled,
    TwoTowers,
    Unrolled,
    WideAndDeep,
)

ROWS = torch.randn(8, 4)


class Skip(nn.Module):
    """h = stem(x); head(h + two(relu(one(h))))."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        h = torch.tanh(self.stem(x))
        return self.head(h + self.two(torch.relu(self.one(h))))


def exchanged(model, at, number, x, other):
    """Run the model on `other`, with what `x` makes of the tensor at the cut put into its place.

    The tensor is overwritten for all who hold it, by hand. Returns the largest error of the
    output, as a part of how far apart the two inputs' outputs are.
    """
    kept, count, per_pass = [], [0], passes(model, at, x)

    def act(module, args, kwargs):
        count[0] += 1
        if count[0] % per_pass != number % per_pass:
            return
        tensor = next(t for t in (*args, *kwargs.values()) if isinstance(t, torch.Tensor))
        if kept:
            tensor.data.copy_(kept[0])
        else:
            kept.append(tensor.clone())

    module = model.get_submodule(at)
    with torch.no_grad():
        whole, apart = model(x.clone()), model(other.clone())
        with module.register_forward_pre_hook(act, with_kwargs=True):
            model(x.clone())
            halves = model(other.clone())
    return float((halves - whole).abs().max() / (apart - whole).abs().max())


def passes(model, at, x):
    count, module = [], model.get_submodule(at)
    with torch.no_grad(), module.register_forward_hook(lambda *_: count.append(1)):
        model(x.clone())
    return len(count)


class TestCutsTellTheTruth:
    """`clean` against an exchange of the tensor at the cut, which knows nothing of autograd."""

    @pytest.mark.parametrize(
        ("model", "shape"),
        [
            (Fire, (4,)),
            (Dense, (4,)),
            (Shuffled, (4,)),
            (TwoTowers, (4,)),
            (WideAndDeep, (4,)),
            (lambda: WideAndDeep(True), (4,)),
            (lambda: Unrolled(True), (3, 3)),
            (SelfAttention, (3, 2, 2)),
            (lambda: ClassToken(0), (3, 2, 2)),
            (Skip, (4,)),
        ],
    )
    def test_every_cut_of_every_shape(self, model, shape):
        torch.manual_seed(0)
        model = model().eval()
        x, other = torch.randn(3, *shape), torch.randn(3, *shape)
        seen = set()
        for layer in weight_layers(model, x)[1:]:
            name, _, number = layer.name.partition(":")
            split = Split(model, x, layer.name)
            error = exchanged(model, name, int(number or 1), x, other)
            assert split.clean is (error < 1e-3), (layer.name, error)
            seen.add(split.clean)
            if split.clean:
                with torch.no_grad():
                    found = split.run_f_b(split.run_f_a(other))
                torch.testing.assert_close(found, model(other))
            else:
                assert split.check()
                with pytest.raises(ValueError, match="no function of one tensor"):
                    split.run_f_b(torch.zeros(3, 1))
        assert True in seen or isinstance(model, WideAndDeep)  # where two ways begin at the input

    @pytest.mark.parametrize(
        "seeds", [range(8), pytest.param(range(8, 200), marks=pytest.mark.slow)]
    )
    def test_every_cut_of_networks_drawn_at_random(self, seeds):
        counts = {True: 0, False: 0}
        for seed in seeds:
            model, (x, other) = Random(seed).eval(), torch.randn(2, 6, 4)
            for layer in weight_layers(model, x, shortcuts="include")[1:]:
                split = Split(model, x, layer.name, shortcuts="include")
                error = exchanged(model, layer.name, 1, x, other)
                assert split.clean is (error < 1e-3), (seed, layer.name, error)
                counts[split.clean] += 1
        assert min(counts.values()) >= len(seeds)

    def test_a_join_of_two_tensors(self):
        model, x = TwoTowers("bilinear").eval(), torch.rand(3, 4)
        assert not Split(model, x, "join").clean  # though it is given both towers
        assert Split(model, x, "head").clean
        same = nn.Bilinear(4, 4, 2)

        class Square(nn.Module):
            def __init__(self):
                super().__init__()
                self.stem, self.join = nn.Linear(4, 4), same

            def forward(self, x):
                h = self.stem(x)
                return self.join(h, h)

        assert Split(Square(), x, "join").clean

    def test_source_and_target(self):
        class Translate(nn.Module):
            def __init__(self):
                super().__init__()
                self.t = nn.Transformer(8, 2, 1, 1, 16, 0, batch_first=True)
                self.out = nn.Linear(8, 2)

            def forward(self, source, target):
                return self.out(self.t(source, target).mean(1))

        model, example = Translate().eval(), (torch.rand(2, 5, 8), torch.rand(2, 4, 8))
        verdicts = {
            layer.name: Split(model, example, layer.name).clean
            for layer in weight_layers(model, example)[1:]
        }
        # The memory passes by every cut of the encoder's last part and of the decoder's first one.
        assert verdicts.pop("out")
        assert verdicts.pop("t.decoder.layers.0.linear1")
        assert set(verdicts.values()) == {False}

    def test_the_tensor_that_the_data_made_is_the_one_at_the_cut(self):
        model, x = LearnedQuery().eval(), torch.rand(3, 3, 2, 2)
        split = Split(model, x, "attention")
        assert split.clean
        torch.testing.assert_close(split.run_f_a(x), model.tokens(x))

    def test_gradients_through_a_view_that_is_a_shortcut_too(self):
        model, x = SelfAttention().eval(), torch.rand(3, 3, 2, 2)
        split = Split(model, x, "attention")
        hidden = split.run_f_a(x).detach().requires_grad_()
        output = split.run_f_b(hidden)
        attended = hidden + model.attention(hidden, hidden, hidden)[0]
        expected = model.head(attended.mean(1))
        torch.testing.assert_close(output, expected)
        (one,) = torch.autograd.grad(output.sum(), hidden)
        (two,) = torch.autograd.grad(expected.sum(), hidden)
        torch.testing.assert_close(one, two)
        split.run_f_b(hidden).sum().backward()
        assert model.head.weight.grad is not None
        assert model.embed.weight.grad is None  # f_a ran on blanks
        assert all(parameter.requires_grad for parameter in model.parameters())

    @pytest.mark.parametrize("shortcut", [False, True])
    def test_gradients_through_one_of_several_views(self, shortcut):
        class Parts(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed, self.next, self.out = (nn.Linear(*w) for w in ((3, 4), (4, 4), (4, 2)))

            def forward(self, x):
                first, *_ = self.embed(x).unbind(1)
                return self.out(torch.relu(self.next(first)) + (first if shortcut else 0))

        model, x = Parts(), torch.rand(3, 5, 3)
        nn.init.constant_(model.next.bias, 1.0)  # so that units are on
        split = Split(model, x, "next")
        assert split.clean
        hidden = split.run_f_a(x).detach().requires_grad_()
        with torch.no_grad():
            torch.testing.assert_close(split.run_f_b(hidden), model(x))
        if shortcut:  # autograd does not overwrite such a view: refused, not wrong
            with pytest.raises(ValueError, match="Gradients cannot be had from 'next' on"):
                split.run_f_b(hidden)
        else:
            (slope,) = torch.autograd.grad(split.run_f_b(hidden).sum(), hidden)
            expected = model.out(torch.relu(model.next(hidden))).sum()
            torch.testing.assert_close(slope, torch.autograd.grad(expected, hidden)[0])
        with pytest.raises(ValueError, match=r"has shape \(3, 1\), but .* has \(3, 4\)"):
            split.run_f_b(torch.zeros(3, 1))

    @pytest.mark.parametrize("at", ["b", "c"])
    def test_values_without_gradients_that_pass_by(self, at):
        class Masked(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b, self.c = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                mask = (x > 0.5).float()
                return self.c(self.b(self.a(x)).relu() * (mask if at == "b" else 1)) + (
                    mask[:, :2] if at == "c" else 0
                )

        torch.manual_seed(0)  # with all units off there would be nothing to compare
        split = Split(Masked(), torch.rand(3, 4), at)
        assert not split.clean
        assert "passes by the cut that autograd does not record" in split.check()[0]

    def test_an_output_that_does_not_vary_proves_nothing(self):
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2))
        assert Split(model, ROWS, last=1).clean
        nn.init.zeros_(model[3].weight)
        split = Split(model, ROWS, last=1)
        assert not split.clean
        assert "could not be tested" in split.check()[0]
        with pytest.raises(ValueError, match="could not be tested"):
            split.run_f_b(split.run_f_a(ROWS))

    def test_an_output_that_hardly_varies_is_tested_in_double_precision(self):
        for by in (0.0, 1e-9):
            model = Fire()
            with torch.no_grad():
                model.head.weight.mul_(by)
                model.head.bias.fill_(1.0)
            assert Split(model, ROWS, "one").clean is (by > 0)
            assert not Split(model, ROWS, "three").clean

    @pytest.mark.parametrize("kind", ["object", "number"])
    def test_outputs_that_are_plain_objects(self, kind):
        class Odd(nn.Module):
            def __init__(self):
                super().__init__()
                self.net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))

            def forward(self, x):
                logits = self.net(x)
                return SimpleNamespace(logits=logits) if kind == "object" else float(logits.sum())

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            split = Split(Odd(), ROWS, last=1)
        assert split.clean is (kind == "object")  # in a number there is nothing to compare
        assert (split.check() == []) is (kind == "object")

    def test_models_that_refuse_other_values_are_not_called_clean(self):
        class Picky(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                if not torch.equal(x.round(), x):
                    raise ValueError("whole numbers only")
                return self.b(torch.relu(self.a(x)))

        split = Split(Picky(), torch.ones(3, 4), last=1)
        assert not split.clean
        assert split.check()[0].endswith("the model raised ValueError: whole numbers only")

    def test_arguments_that_are_no_batch_stay_as_they_are(self):
        class Scaled(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x, mask, scale):
                return self.b(torch.tanh(self.a(x) @ mask * scale))

        model, mask, scale = Scaled(), torch.eye(4), torch.tensor(2.0)
        x = torch.rand(3, 4)
        split = Split(model, (x, mask, scale), last=1)
        assert split.clean
        with torch.no_grad():
            hidden = split.run_f_a((x[:2], mask, scale))
            torch.testing.assert_close(split.run_f_b(hidden), model(x[:2], mask, scale))

    def test_learn_rho_says_so_in_its_result(self):
        x, y = torch.rand(90, 4), torch.arange(90) % 2
        thirds = (slice(0, 30), slice(30, 60), slice(60, 90))
        parts = DataSplits(*(ImageData(x[i], y[i], ("a", "b")) for i in thirds))
        for at, clean in (("one", True), ("three", False)):
            torch.manual_seed(0)
            model = Fire()
            result = learn_rho(
                copy.deepcopy(model), model, Split(model, x, at), parts, attack=None,
                recipe=Recipe(epochs=1), trials=1, epochs=1,
                measure={"n_permutations": 2, "n_halves": 2, "released": False},
            )  # fmt: skip
            assert any("parallel branches" in text for text in result.warnings) is not clean

    @pytest.mark.slow
    @pytest.mark.parametrize("name", ["squeezenet1_1", "shufflenet_v2_x0_5", "googlenet"])
    def test_every_cut_of_networks_with_branches(self, name):
        torch.manual_seed(0)
        settings = {"init_weights": False} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, weights=None, **settings).train()
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        with torch.no_grad():
            for _ in range(4):
                model(torch.rand(8, 3, 64, 64))  # sets the running statistics
        model.eval()
        x, other = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
        verdicts = []
        for layer in weight_layers(model, x)[1:]:
            name, _, number = layer.name.partition(":")
            error = exchanged(model, name, int(number or 1), x, other)
            verdicts.append(Split(model, x, layer.name).clean)
            assert verdicts[-1] is (error < 1e-2), (layer.name, error)
        assert set(verdicts) == {True, False}
