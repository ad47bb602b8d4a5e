"""A pass of ours leaves everything as it was: the caller's tensors, the model, its attributes."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from robustsplit import connectivity
from robustsplit.attacks import PGD, SelectOutput, as_attack
from robustsplit.network import Split, collect, weight_layers
from robustsplit.training import accuracy

IMAGES = torch.rand(12, 3, 4, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(12) % 2


class Normalise(nn.Module):
    """(x - 0.5) / 0.25, by one of four ways of writing it."""

    def __init__(self, way):
        super().__init__()
        self.way = way

    def forward(self, x):
        if self.way == "methods":
            return x.sub_(0.5).div_(0.25)
        if self.way == "view":  # writes through a view
            x.flatten(1).sub_(0.5).div_(0.25)
            return x
        if self.way == "items":
            x[:] = (x - 0.5) / 0.25
            return x
        return (x - 0.5) / 0.25


IN_PLACE = ("methods", "view", "items")


def network(way="outside"):
    torch.manual_seed(0)
    return nn.Sequential(
        Normalise(way), nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU(),
        nn.Linear(6, 2),
    ).eval()  # fmt: skip


@pytest.mark.parametrize("way", IN_PLACE)
class TestForwardPassesThatWriteIntoTheirInput:
    def test_captured_values_and_the_callers_tensor(self, way):
        images = IMAGES.clone()
        found, expected = collect(network(way), images), collect(network(), IMAGES)
        assert torch.equal(images, IMAGES)
        for name in expected:
            assert torch.equal(found[name], expected[name])

    def test_cuts(self, way):
        images = IMAGES.clone()
        split, twin = Split(network(way), images, last=1), Split(network(), IMAGES, last=1)
        assert split.check() == twin.check() == []
        hidden = split.run_f_a(images)
        assert torch.equal(hidden, twin.run_f_a(IMAGES))
        assert torch.equal(split.run_f_b(hidden), network()(IMAGES))
        assert torch.equal(images, IMAGES)

    def test_gradients_reach_the_callers_tensor(self, way):
        one, two = (IMAGES.clone().requires_grad_() for _ in range(2))
        Split(network(way), IMAGES, last=1).run_f_a(one).square().sum().backward()
        Split(network(), IMAGES, last=1).run_f_a(two).square().sum().backward()
        assert torch.equal(one.grad, two.grad)
        assert one.grad.abs().sum() > 0

    def test_attacks_ours_and_others(self, way):
        def step(model, x, y):
            x = x.requires_grad_()
            (gradient,) = torch.autograd.grad(F.cross_entropy(model(x), y), x)
            return (x + 0.1 * gradient.sign()).clamp(0, 1).detach()

        images = IMAGES.clone()
        for attack in (PGD(0.1, 0.05, 3), as_attack(step, eps=0.1)):
            found = attack.perturb(network(way), images, LABELS)
            assert torch.equal(found, attack.perturb(network(), IMAGES, LABELS))
            assert not torch.equal(found, IMAGES)
        assert torch.equal(images, IMAGES)

    def test_rho_is_that_of_the_twin(self, way):
        images = torch.rand(60, 3, 4, 4, generator=torch.Generator().manual_seed(1))
        labels = torch.arange(60) % 2
        settings = {"n_permutations": 3, "n_halves": 2, "released": False, "cross_check": None}
        found, expected = (
            connectivity(network(each), (images.clone(), labels), **settings)
            for each in (way, "outside")
        )
        assert [p.rho for p in found.pairs] == [p.rho for p in expected.pairs]
        counted = [accuracy(network(each), (images, labels)).correct for each in (way, "outside")]
        assert counted[0] == counted[1]


class Remembering(nn.Module):
    """Keeps tensors of its passes in all the places where models do."""

    def __init__(self):
        super().__init__()
        self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.cache, self.seen, self.passes, self.last = {}, [], 0, None

    def forward(self, x):
        self.passes += 1
        self.last = self.inner(x)
        self.cache[x.shape[0]] = self.last * 2
        self.seen.append(self.last)
        self.register_buffer("late", torch.ones(1))
        return self.head(self.last)


@pytest.mark.parametrize("work", [
    lambda m, x: weight_layers(m, x),
    lambda m, x: Split(m, x, last=1).check(),
])  # fmt: skip
def test_whatever_a_module_holds_is_put_back_so_that_models_can_be_copied(work):
    model = Remembering()
    work(model, torch.rand(3, 4))
    assert (model.cache, model.seen, model.passes, model.last) == ({}, [], 0, None)
    assert "late" not in dict(model.named_buffers())
    copy.deepcopy(model)
    model(torch.rand(3, 4))
    with pytest.raises(RuntimeError, match="created explicitly by the user"):
        copy.deepcopy(model)  # negative control: a pass with gradients alone does this


def test_old_spectral_normalisation_can_be_copied_afterwards():
    model = nn.Sequential(nn.utils.spectral_norm(nn.Linear(4, 4)), nn.Linear(4, 2)).eval()
    weight_layers(model, torch.rand(3, 4))
    copy.deepcopy(model)


def test_gradients_of_a_backward_pass_inside_are_put_back():
    class Backward(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            h = self.a(x)
            h.sum().backward(retain_graph=True)
            return self.b(h)

    model = Backward()
    assert [layer.name for layer in weight_layers(model, torch.rand(3, 4))] == ["a", "b"]
    assert all(parameter.grad is None for parameter in model.parameters())


class Energy(nn.Module):
    """The gradient of a scalar network, as energy, score and physics networks compute it."""

    def __init__(self, bracket="enable_grad"):
        super().__init__()
        self.one, self.two = nn.Linear(4, 8), nn.Linear(8, 1)

    def forward(self, x):
        with torch.enable_grad():
            x = x if x.requires_grad else x.requires_grad_()
            energy = self.two(torch.tanh(self.one(x)))
            (force,) = torch.autograd.grad(energy.sum(), x, create_graph=True)
        return energy.detach() * 0 + force


def test_forward_passes_that_differentiate():
    model = Energy()
    layers = weight_layers(model, torch.rand(3, 4))
    assert [(layer.name, layer.connected) for layer in layers] == [("one", True), ("two", True)]
    rows = collect(model, torch.rand(5, 4))
    assert {name: tuple(r.shape) for name, r in rows.items()} == {"one": (5, 8), "two": (5, 1)}


class Block(nn.Module):
    """A residual block with a projection on its shortcut."""

    def __init__(self):
        super().__init__()
        self.stem, self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.project, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(self.two(torch.relu(self.one(x))) + self.project(x)))


class TestInferenceMode:
    def test_the_same_layers_and_cuts_as_outside(self):
        model, rows = Block(), torch.rand(3, 4)
        outside = [weight_layers(model, rows, shortcuts=s) for s in ("exclude", "include")]
        clean = Split(model, rows, "two").clean
        with torch.inference_mode():
            rows = torch.rand(3, 4)
            inside = [weight_layers(model, rows, shortcuts=s) for s in ("exclude", "include")]
            split = Split(model, rows, "two")
            assert split.check() != []
            assert collect(model, rows)["two"].shape == (3, 4)
        assert inside == outside
        assert split.clean is clean is False

    @pytest.mark.parametrize("use", [
        lambda m: weight_layers(m, torch.rand(3, 4)),
        lambda m: PGD(0.1, 0.05, 1).perturb(m, torch.rand(3, 4), torch.tensor([0, 1, 0])),
    ])  # fmt: skip
    def test_models_made_inside_are_refused_with_a_remedy_that_works(self, use):
        with torch.inference_mode():
            model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        with pytest.raises(ValueError, match=r"'0\.weight' was made inside .*deepcopy"):
            use(model)
        use(copy.deepcopy(model))


@pytest.mark.parametrize("where", ["attribute", "list"])
def test_modules_made_in_the_first_pass_are_refused_until_they_exist(where):
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.out = nn.Linear(4, 4), nn.Linear(3, 2)
            self.late, self.many = None, nn.ModuleList()

        def forward(self, x):
            x = self.first(x)
            if where == "attribute":
                self.late = nn.Linear(x.shape[1], 3) if self.late is None else self.late
                return self.out(self.late(x))
            if not self.many:
                self.many.append(nn.Linear(x.shape[1], 3))
            return self.out(self.many[0](x))

    model, rows = Late(), torch.rand(3, 4)
    name = {"attribute": "late", "list": "many.0"}[where]
    for _ in range(2):
        with pytest.raises(ValueError, match=f"made module '{name}'.* Call the model once"):
            weight_layers(model, rows)
        assert len(list(model.modules())) == 4  # it has not grown
    model(rows)
    assert [layer.name for layer in weight_layers(model, rows)] == ["first", name, "out"]


def test_attacks_set_flags_and_do_not_call_eval():
    class Merging(nn.Module):
        """As adapters that merge their weights on `eval()`, or programs that refuse it."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 2)

        def train(self, mode=True):
            raise NotImplementedError("Calling train() is not supported")

        def forward(self, x):
            assert not self.training
            return self.linear(x)

    model = Merging()
    PGD(0.1, 0.05, 1).perturb(model, torch.rand(3, 4), torch.tensor([0, 1, 0]))
    assert model.training


def test_an_entry_is_selected_from_a_tuple_and_never_from_a_tensor():
    class Auxiliary(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            return (self.head(x), x) if self.training else self.head(x)

    model, rows = Auxiliary(), torch.rand(2, 4)  # as many inputs as classes: an entry would fit
    for mode in (True, False):
        assert torch.equal(SelectOutput(model, 0).train(mode)(rows), model.head(rows))
