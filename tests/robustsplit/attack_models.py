"""Classifiers for the tests of attacks: one small trained net, and ones whose optimum is known."""

from functools import cache

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F


@cache
def digits():
    """Images (1797, 1, 8, 8) in [0, 1] and labels."""
    data = load_digits()
    return torch.tensor(data.images / 16, dtype=torch.float32)[:, None], torch.tensor(data.target)


@cache
def _trained_state(n_classes):
    x, y = digits()
    keep = y < n_classes
    x, y = x[keep][:1000], y[keep][:1000]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = fresh_net(n_classes)
        optimizer = torch.optim.Adam(net.parameters(), 3e-3)
        for _ in range(max(5, 4000 // len(x))):
            for i in range(0, len(x), 50):
                optimizer.zero_grad()
                F.cross_entropy(net(x[i : i + 50]), y[i : i + 50]).backward()
                optimizer.step()
    return {name: value.clone() for name, value in net.state_dict().items()}


def fresh_net(n_classes=10):
    """A net whose train mode differs from its eval mode in every way: BatchNorm and Dropout."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 16, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(256, n_classes),
    )


def trained_net(n_classes=10):
    """A new copy, in eval mode, of a net trained on the first digits."""
    net = fresh_net(n_classes)
    net.load_state_dict(_trained_state(n_classes))
    return net.eval()


def test_images(n, n_classes=10):
    """The last `n` digits below `n_classes`: none was trained on."""
    x, y = digits()
    x, y = x[y < n_classes], y[y < n_classes]
    return x[-n:].clone(), y[-n:].clone()


test_images.__test__ = False


def accuracy(net, x, y):
    mode = net.training
    net.eval()
    with torch.no_grad():
        share = (net(x).argmax(1) == y).double().mean().item()
    net.train(mode)
    return share


class Linear2(nn.Module):
    """Two classes with logits (0, w.x + b): the best perturbation is known in closed form."""

    def __init__(self, d=12, dtype=torch.float64):
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.w = nn.Parameter(torch.randn(d, generator=generator, dtype=dtype))
        # the boundary passes through the middle of the unit cube
        self.b = nn.Parameter(-0.5 * self.w.detach().sum())

    def score(self, x):
        return x @ self.w + self.b

    def forward(self, x):
        score = self.score(x)
        return torch.stack([torch.zeros_like(score), score], dim=1)


def linear_data(model, n=40):
    """Inputs well inside [0, 1], with the model's own predictions as labels."""
    generator = torch.Generator().manual_seed(5)
    x = 0.3 + 0.4 * torch.rand((n, len(model.w)), generator=generator, dtype=model.w.dtype)
    return x, model(x).argmax(1).detach()


class Fixed(nn.Module):
    """A linear model whose output `shape` turns into whatever a test needs."""

    def __init__(self, out, change=lambda logits: logits, d=6):
        super().__init__()
        generator = torch.Generator().manual_seed(6)
        self.layer = nn.Linear(d, out)
        with torch.no_grad():
            # small logits: with large ones cross-entropy underflows and has no gradient
            self.layer.weight.normal_(generator=generator).div_(d**0.5)
            self.layer.bias.zero_()
        self.change = change

    def forward(self, x):
        return self.change(self.layer(x))


def snapshot(model):
    """Everything an attack could change."""
    return {
        "modes": [module.training for module in model.modules()],
        "wanted": [p.requires_grad for p in model.parameters()],
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "state": {name: value.clone() for name, value in model.state_dict().items()},
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "rng": torch.get_rng_state(),
    }


def assert_unchanged(model, before):
    after = snapshot(model)
    for key in ("modes", "wanted", "hooks"):
        assert after[key] == before[key], key
    for now, then in zip(after["gradients"], before["gradients"], strict=True):
        assert (now is None and then is None) or torch.equal(now, then)
    assert after["state"].keys() == before["state"].keys()
    for name, value in after["state"].items():
        assert torch.equal(value, before["state"][name]), name
    assert torch.equal(after["rng"], before["rng"])
