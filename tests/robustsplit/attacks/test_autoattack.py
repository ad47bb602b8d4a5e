"""AutoAttack: the package's own result bit for bit, and a plan for every number of classes."""

import re
import sys
import types
import warnings

import pytest
import torch
from torch import nn

from mitools.samples.installed import install_line
from mitools.samples.messages import MissingExtraError
from robustsplit.attacks import PGD, AutoAttack, attack_from_config, perturbation_norms
from tests.robustsplit.attack_models import (
    Fixed,
    accuracy,
    assert_unchanged,
    snapshot,
    test_images,
    trained_net,
)

pyautoattack = pytest.importorskip("pyautoattack")


def reference(net, x, y, *, seed, **settings):
    runner = pyautoattack.AutoAttack(net, seed=seed, **settings)
    with torch.random.fork_rng():
        return runner.run_standard_evaluation(x, y, batch_size=len(x))[0]


@pytest.mark.slow
def test_standard_equals_the_package_bit_for_bit():
    net, (x, y), eps = trained_net(), test_images(12), 24 / 255
    before = snapshot(net.train())
    ours = AutoAttack(eps).perturb(net, x, y, seed=3)
    assert_unchanged(net, before)
    assert torch.equal(ours, reference(net.eval(), x, y, eps=eps, seed=3, version="standard"))
    assert accuracy(net, ours, y) <= accuracy(net, PGD(eps, eps / 8, 40).perturb(net, x, y), y)


@pytest.mark.slow
def test_l2_standard_equals_the_package():
    net, (x, y) = trained_net(), test_images(5)
    ours = AutoAttack(0.8, norm="l2").perturb(net, x, y, seed=1)
    assert torch.equal(ours, reference(net, x, y, eps=0.8, seed=1, norm="L2"))


@pytest.mark.slow
def test_members_equal_the_package_bit_for_bit():
    net, (x, y), eps = trained_net(), test_images(12), 16 / 255
    attack = AutoAttack(eps, attacks=("apgd-ce", "square"), queries=200)
    before = snapshot(net.train())
    with torch.inference_mode():
        ours = attack.perturb(net, x, y, seed=3)
    assert_unchanged(net, before)
    runner = pyautoattack.AutoAttack(
        net.eval(), eps=eps, seed=3, version="custom", attacks=["apgd-ce", "square"]
    )
    runner.square.n_queries = 200
    with torch.random.fork_rng():
        theirs = runner.run_standard_evaluation(x, y, batch_size=len(x))[0]
    assert torch.equal(ours, theirs)
    assert accuracy(net, ours, y) < accuracy(net, x, y)


def test_everything_fooled_early_is_still_the_standard():
    """At a large eps the first member leaves nothing to the others: cheap, and the same bits."""
    net, (x, y) = trained_net(), test_images(20)
    ours = AutoAttack(96 / 255).perturb(net, x, y, seed=0)
    assert torch.equal(ours, reference(net, x, y, eps=96 / 255, seed=0))
    assert accuracy(net, ours, y) == 0


@pytest.mark.parametrize(
    ("n_classes", "title", "targets"),
    [
        (2, "AutoAttack reduced (apgd-ce, fab, square, margin PGD)", 1),
        (3, "AutoAttack reduced (apgd-ce, fab, square, margin PGD)", 2),
        (4, "AutoAttack standard", 3),
        (9, "AutoAttack standard", 8),
        (10, "AutoAttack standard", 9),
        (1000, "AutoAttack standard", 9),
    ],
)
def test_plan_by_number_of_classes(n_classes, title, targets):
    plan = AutoAttack().plan(n_classes)
    assert (plan.title, plan.targets) == (title, targets)
    assert plan.margin_pgd is (n_classes < 4)
    assert bool(plan.reason) is (n_classes < 4)


def test_only_the_standard_calls_itself_standard():
    for changed in (
        AutoAttack(queries=100),
        AutoAttack(attacks=("apgd-ce",)),
        AutoAttack(version="plus"),
        AutoAttack(version="rand"),
    ):
        assert "standard" not in changed.plan(10).title
    assert AutoAttack(8 / 255).label == "AutoAttack (Linf, eps 8/255)"
    assert AutoAttack(0.5, norm="l2").label == "AutoAttack (L2, eps 0.5)"
    assert "standard" not in AutoAttack(0.5, norm="l2").plan(10, (1, 4, 4)).title
    assert "square" not in AutoAttack(0.5, norm="l2").plan(10, (12,)).members


@pytest.mark.parametrize(
    "n_classes",
    [
        pytest.param(2, marks=pytest.mark.slow),
        3,
        *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 9)),
    ],
)
def test_any_number_of_classes(n_classes):
    """The package alone fails with IndexError here as soon as an input survives APGD-CE."""
    net, (x, y) = trained_net(n_classes), test_images(3, n_classes)
    attack = AutoAttack(12 / 255, queries=30)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        perturbed = attack.perturb(net, x, y, seed=1)
    said = [str(w.message) for w in caught if "not standard AutoAttack" in str(w.message)]
    assert len(said) == 1
    assert ("classes" in said[0]) is (n_classes < 4)
    assert perturbation_norms(x, perturbed).linf.max() <= 12 / 255 * (1 + 1e-6) + 1e-6
    survived = accuracy(net, perturbed, y)
    assert 0 < survived  # so that every member ran
    assert survived <= accuracy(net, PGD(12 / 255, steps=20).perturb(net, x, y), y)


@pytest.mark.parametrize("shape", [(6,), (2, 7), (1, 8, 8), (3, 5, 9)])
@pytest.mark.parametrize(
    "dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.slow)]
)
def test_rows_sequences_images_and_doubles(shape, dtype):
    features = torch.Size(shape).numel()
    model = nn.Sequential(nn.Flatten(), Fixed(5, d=features)).to(dtype)
    x = torch.rand((6, *shape), generator=torch.Generator().manual_seed(1)).to(dtype)
    y = model(x).argmax(1)
    attack = AutoAttack(0.05, queries=20, attacks=("apgd-ce", "apgd-t", "square"))
    perturbed = attack.perturb(model, x, y)
    assert perturbed.dtype == dtype
    assert perturbed.shape == x.shape
    assert (perturbed != x).any()


def test_volumes_are_refused():
    model = nn.Sequential(nn.Flatten(), Fixed(5, d=8))
    with pytest.raises(ValueError, match=r"got \(3, 1, 2, 2, 2\)"):
        AutoAttack().perturb(model, torch.rand(3, 1, 2, 2, 2), torch.zeros(3, dtype=torch.long))


@pytest.mark.slow
def test_one_image_and_misclassified_images():
    net, (x, y) = trained_net(), test_images(4)
    attack = AutoAttack(16 / 255, attacks=("apgd-ce", "apgd-t", "square"), queries=20)
    assert attack.perturb(net, x[:1], y[:1]).shape == x[:1].shape
    wrong = (net(x).argmax(1) + 1) % 10
    assert torch.equal(attack.perturb(net, x, wrong), x)


@pytest.mark.slow
def test_single_logit():
    net, (x, y) = trained_net(2), test_images(6, 2)
    single = nn.Sequential(net, Difference())
    attack = AutoAttack(64 / 255, attacks=("apgd-ce", "square"), queries=20)
    perturbed = attack.perturb(single, x, y)
    assert accuracy(net, perturbed, y) < 1


class Difference(nn.Module):
    def forward(self, logits):
        return logits[:, 1:] - logits[:, :1]


@pytest.mark.slow
def test_the_trace_function_is_kept():
    """The package calls sys.settrace(None), which ends debuggers and coverage."""
    net, (x, y) = trained_net(), test_images(2)
    events = []
    before = sys.gettrace()

    def trace(frame, event, argument):
        events.append(event)

    sys.settrace(trace)
    try:
        AutoAttack(8 / 255, attacks=("apgd-ce",)).perturb(net, x, y)
        kept = sys.gettrace()
    finally:
        sys.settrace(before)
    assert kept is trace
    assert events


def test_upstream_package_is_the_fallback(monkeypatch):
    """The same code under upstream's name and signature."""

    class Upstream(pyautoattack.AutoAttack):
        def __init__(
            self, model, norm, eps, seed, verbose, attacks_to_run, version, device, **others
        ):
            assert not others
            super().__init__(
                model,
                norm=norm,
                eps=eps,
                seed=seed,
                version=version,
                device=device,
                attacks=attacks_to_run or None,
            )

        def run_standard_evaluation(self, x_orig, y_orig, bs):
            return super().run_standard_evaluation(x_orig, y_orig, batch_size=bs)[0]

    net, (x, y) = trained_net(), test_images(10)
    attack = AutoAttack(16 / 255, attacks=("apgd-ce",))
    expected = attack.perturb(net, x, y)
    assert AutoAttack.backend().startswith("pyautoattack 0.2")
    package = types.ModuleType("autoattack")
    package.AutoAttack = Upstream
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(MissingExtraError, match=re.escape(install_line("autoattack"))):
        attack.perturb(net, x, y)
    monkeypatch.setitem(sys.modules, "autoattack", package)
    assert torch.equal(attack.perturb(net, x, y), expected)
    assert AutoAttack.backend() == "autoattack (version unknown)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"version": "standrad"}, "Did you mean 'standard'"),
        ({"attacks": ("apgd",)}, "No member of AutoAttack named 'apgd'"),
        ({"attacks": ()}, "`attacks` is empty"),
        ({"bounds": (-1.0, 1.0)}, r"AutoAttack clips to \[0, 1\]"),
        ({"queries": 0}, "`queries` must be a whole number"),
        ({"eps": 8}, "perhaps 8/255 was meant"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        AutoAttack(**settings)


def test_configuration_round_trip():
    attack = AutoAttack(8 / 255, attacks=("apgd-ce", "square"), queries=100)
    assert attack_from_config(attack.describe()) == attack
