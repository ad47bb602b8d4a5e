"""A normalisation in front of a network: the same names, the same numbers, radii in pixels."""

import copy
import pickle

import pytest
import torch
from torch import nn

from robustsplit import NormalizedModel, Split, capture, list_layers
from robustsplit.attacks import FGSM, PGD
from robustsplit.network import collect
from robustsplit.normalization import NORMALIZATIONS, normalization
from robustsplit.training import accuracy
from robustsplit.zoo import NormalizedModel as FromZoo
from robustsplit.zoo import resnet18, small_cnn

MEAN, STD = (0.48, 0.43, 0.4), (0.2, 0.25, 0.3)


class Residual(nn.Module):
    """Own weights in the root, batch normalisation, a branch, dropout that reads the mode."""

    def __init__(self):
        super().__init__()
        self.model = nn.Conv2d(3, 6, 3, padding=1)  # a name that a wrapper would take
        self.norm = nn.BatchNorm2d(6)
        self.mean = nn.Conv2d(6, 6, 3, padding=1)
        self.weight = nn.Parameter(torch.randn(6, 4))

    def forward(self, x):
        x = self.norm(self.model(x)).relu()
        x = (x + self.mean(x)).relu()
        x = nn.functional.dropout(x, 0.5, self.training)
        return x.mean((2, 3)) @ self.weight


def networks():
    torch.manual_seed(0)
    return {
        "sequential": small_cnn(3, 4, batch_norm=True),
        "residual": Residual(),
        "resnet": resnet18(4, small_images=True),
        "compiled": torch.compile(small_cnn(3, 4), backend="eager"),
        "graph": torch.fx.symbolic_trace(small_cnn(3, 4)),
    }


@pytest.fixture(params=list(networks()))
def network(request):
    return networks()[request.param].eval()


@pytest.fixture
def images():
    return torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def by_hand(images):
    return (images - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def test_it_is_the_network_on_normalised_images(network, images):
    model = NormalizedModel(network, MEAN, STD)
    assert torch.equal(model(images), network(by_hand(images)))
    assert not torch.allclose(model(images), network(images))
    assert FromZoo is NormalizedModel


def test_no_name_changes(network, images):
    model = NormalizedModel(network, MEAN, STD)
    assert list(model.state_dict()) == list(network.state_dict())
    for kind in ("named_parameters", "named_buffers"):
        assert [n for n, _ in getattr(model, kind)()] == [n for n, _ in getattr(network, kind)()]
    assert list(list_layers(model, images)["name"]) == list(list_layers(network, images)["name"])
    for name, parameter in network.named_parameters():
        assert model.get_parameter(name) is parameter
    assert sum(1 for _ in model.modules()) == 1 + sum(1 for _ in network.modules())


def test_wrappers_belong_outside(images):
    network = small_cnn(3, 4).eval()
    model = NormalizedModel(network, MEAN, STD)
    for outer in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        names = list(list_layers(outer, images)["name"])
        assert names == list(list_layers(network, images)["name"])
        assert torch.equal(outer(images), network(by_hand(images)))


def test_cuts_and_activations_are_the_networks(images):
    for network in (small_cnn(3, 4, batch_norm=True), Residual()):
        network.eval()
        model = NormalizedModel(network, MEAN, STD)
        own, theirs = Split(model, images, last=1), Split(network, images, last=1)
        assert (own.f_a, own.f_b) == (theirs.f_a, theirs.f_b)
        assert own.f_a_tensors == theirs.f_a_tensors and own.f_b_tensors == theirs.f_b_tensors
        named = type(network).__name__
        said = [text.replace("NormalizedModel", named) for text in own.check()]
        assert said == theirs.check()
        with own.frozen():
            model.train()
            assert all(not p.requires_grad for p in own._parameters(own.f_a_tensors))
        got, right = collect(model, images), collect(network, by_hand(images))
        assert list(got) == list(right)
        assert all(torch.equal(got[name], right[name]) for name in right)
        with torch.no_grad(), capture(model, images) as seen:
            model(images)
        assert all(torch.equal(seen[name], right[name]) for name in right)


def test_attacks_act_in_pixels(network, images):
    model = NormalizedModel(network, MEAN, STD)
    labels = network(by_hand(images)).argmax(1)
    eps = 8 / 255
    moved = FGSM(eps).perturb(model, images, labels)
    assert float((moved - images).abs().max()) == pytest.approx(eps, abs=1e-6)
    assert float(moved.min()) >= 0 and float(moved.max()) <= 1
    leaf = by_hand(images).requires_grad_()
    nn.functional.cross_entropy(network(leaf), labels).backward()
    same_way = (images + eps * leaf.grad.sign()).clamp(0, 1)  # std > 0 keeps the sign
    assert torch.allclose(moved, same_way, atol=1e-6)
    assert accuracy(model, (images, labels)).correct == len(images)
    assert PGD(eps, 1 / 255, 2).perturb(model, images, labels).shape == images.shape


def test_weights_come_and_go_under_the_networks_names(network, images):
    model = NormalizedModel(network, MEAN, STD)
    saved = {name: t + 1 for name, t in network.state_dict().items()}
    model.load_state_dict(saved)
    assert all(torch.equal(network.state_dict()[name], t) for name, t in saved.items())
    outer = nn.Sequential(model)
    assert list(outer.state_dict()) == [f"0.{name}" for name in saved]
    outer.load_state_dict({f"0.{name}": torch.zeros_like(t) for name, t in saved.items()})
    assert not any(t.any() for t in network.state_dict().values())
    with pytest.raises(RuntimeError, match="Unexpected key"):
        outer.load_state_dict({**outer.state_dict(), "0.more": torch.zeros(1)})


def test_modes_copies_types_and_new_heads(images):
    network = Residual()
    model = NormalizedModel(network, MEAN, STD)
    assert model.eval() is model and not any(m.training for m in network.modules())
    assert torch.equal(model(images), model(images))
    assert model.train().training and network.training
    model.eval()
    twin = copy.deepcopy(model)
    assert torch.equal(twin(images), model(images))
    assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    assert torch.equal(pickle.loads(pickle.dumps(model))(images), model(images))
    double = copy.deepcopy(model).double()
    assert double.mean.dtype == torch.float64 and double(images.double()).dtype == torch.float64
    model.weight = nn.Parameter(torch.zeros(6, 2))
    assert network.weight.shape == (6, 2) and model(images).shape == (6, 2)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = model.nothing_of_the_kind


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ("imagenet", None, NORMALIZATIONS["imagenet"]),
        ("CIFAR10", "cifar10", NORMALIZATIONS["cifar10"]),
        ("fashion_mnist", "", NORMALIZATIONS["fashion-mnist"]),
        ("0.5, 0.4,0.3", "1/4", ((0.5, 0.4, 0.3), (0.25,) * 3)),
        (0.5, 0.5, ((0.5,), (0.5,))),
        ([0.5], (0.1, 0.2, 0.3), ((0.5,) * 3, (0.1, 0.2, 0.3))),
        (torch.tensor([0.5, 0.25]), [1, 1], ((0.5, 0.25), (1.0, 1.0))),
        ("0", "bytes", ((0.0,), (1 / 255,))),
    ],
)
def test_means_by_name_and_by_number(mean, std, expected):
    assert normalization(mean, std) == expected


@pytest.mark.parametrize(
    ("mean", "std", "message"),
    [
        ("imagnet", None, "Did you mean 'imagenet'"),
        ("0.5", "", "`mean` is given without `std`"),
        (0.5, None, "`mean` is given without `std`"),
        ((0.5, 0.5), (0.1, 0.1, 0.1), "2 numbers and `std` has 3"),
        ((123.7, 116.3, 103.5), (58.4, 57.1, 57.4), "Divide numbers for pixels"),
        ((0.5,), (0.0,), "must be positive"),
        ((0.5,), (float("nan"),), "takes one number per channel"),
        ((), (), "takes one number per channel"),
        ("0.5", "one", "`std`: No normalisation named 'one'"),
    ],
)
def test_wrong_means_are_explained(mean, std, message):
    with pytest.raises(ValueError, match=message):
        NormalizedModel(nn.Identity(), mean, std)


def test_channels_that_do_not_fit_are_not_broadcast():
    with pytest.raises(ValueError, match=r"has 3 channels, the inputs have shape \(2, 1, 4, 4\)"):
        NormalizedModel(nn.Identity(), "imagenet")(torch.rand(2, 1, 4, 4))
    assert NormalizedModel(nn.Identity(), "half")(torch.ones(2, 7)).eq(1).all()
    with pytest.raises(TypeError, match="must be a torch module, got str"):
        NormalizedModel("net", "imagenet")
