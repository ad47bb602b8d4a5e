"""The first part stays as it is, to the bit, while the rest learns."""

import copy
import pickle
from contextlib import ExitStack

import pytest
import torch
from torch import nn

from robustsplit.network import FrozenDriftError, Split
from tests.robustsplit.network.cut_networks import ROWS, changed, net, state, train


class TestFrozen:
    def test_requires_grad_alone_drifts(self):
        """Negative control: the usual way of freezing moves batch norm's statistics."""
        model = net()
        split, before = Split(model, ROWS, "7"), state(model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name in split.f_b_tensors)
        train(model, split.trainable())
        assert {"1.running_mean", "1.running_var", "5.running_mean"} <= changed(before, model)

    def test_f_a_stays_to_the_bit_and_f_b_learns(self):
        model = net()
        split, before = Split(model, ROWS, "7"), state(model)
        with split.frozen() as freeze:
            for _ in range(2):
                train(model, split.trainable())  # calls model.train()
                assert freeze.check() == freeze.fingerprint
                assert not any(model[i].training for i in range(7))
                assert model[8].training
        assert changed(before, model) == set(split.f_b_tensors)
        assert len(freeze.fingerprint) == 64
        assert repr(freeze).startswith("Freeze(14 tensors, fingerprint=")

    def test_everything_is_given_back(self):
        model = net().train()
        model[1].eval()
        model[0].bias.requires_grad_(False)
        model(ROWS).sum().backward()
        flags = [module.training for module in model.modules()]
        needs = [parameter.requires_grad for parameter in model.parameters()]
        gradient = model[0].weight.grad.clone()
        with pytest.raises(ZeroDivisionError), Split(model, ROWS, "7").frozen():
            assert model[0].weight.grad is None
            assert not model[0].weight.requires_grad
            raise ZeroDivisionError
        assert [module.training for module in model.modules()] == flags
        assert [parameter.requires_grad for parameter in model.parameters()] == needs
        assert torch.equal(model[0].weight.grad, gradient)
        model.train()
        assert all(module.training for module in model.modules())

    def test_input_gradients_flow_through_f_a(self):
        model = net()
        split, x = Split(model, ROWS, "7"), ROWS.clone().requires_grad_()
        with split.frozen():
            model.eval()
            (inside,) = torch.autograd.grad(model(x).sum(), x)
        (outside,) = torch.autograd.grad(model.eval()(x).sum(), x)
        assert inside.abs().sum() > 0
        assert torch.equal(inside, outside)

    def test_drift_is_named(self):
        model = net()
        with Split(model, ROWS, "7").frozen() as freeze:
            with torch.no_grad():
                model[0].weight[0, 0] += 1e-6
                model[5].num_batches_tracked += 1
            with pytest.raises(FrozenDriftError, match=r"2 of 14 .* 0.weight, 5.num_batches"):
                freeze.check()

    def test_a_flag_set_by_hand_is_noticed(self):
        model = net()
        with Split(model, ROWS, "7").frozen() as freeze:
            model[1].training = True
            with pytest.raises(FrozenDriftError, match="1 frozen modules are in train mode: 1"):
                freeze.check()

    def test_stale_momentum_cannot_move_f_a(self):
        """An optimizer over all parameters, with history, still leaves f_a where it is."""
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        model(ROWS).square().sum().backward()
        optimizer.step()
        with Split(model, ROWS, "7").frozen() as freeze:
            model(ROWS).square().sum().backward()
            optimizer.step()
            freeze.check()

    def test_fingerprints_follow_the_content(self):
        model = net()
        split = Split(model, ROWS, "7")
        with split.frozen() as one:
            pass
        with torch.no_grad():
            model[9].weight += 1  # f_b
        with split.frozen() as two:
            pass
        assert one.fingerprint == two.fingerprint
        with torch.no_grad():
            model[0].weight += 1
        with split.frozen() as three:
            pass
        assert one.fingerprint != three.fingerprint

    @pytest.mark.parametrize("depth", [1, 2])
    def test_copies_and_pickles_made_meanwhile_are_ordinary_models(self, depth):
        model = net().train()
        split = Split(model, ROWS, "7")
        with ExitStack() as stack:
            for _ in range(depth):
                stack.enter_context(split.frozen())
            twins = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
            for twin in twins:
                for mode in (True, False, True):
                    twin.train(mode)
                    assert all(module.training is mode for module in twin.modules())
                assert not any("train" in module.__dict__ for module in twin.modules())
            model.train()
            assert not model[1].training  # the model itself is still held
            assert model[8].training
        for twin in twins:
            mean = twin[1].running_mean.clone()
            twin(ROWS)
            assert not torch.equal(twin[1].running_mean, mean)

    def test_compiled_models_stay_frozen(self):
        model = net()
        compiled = torch.compile(model, backend="eager")
        compiled.train()
        compiled(ROWS)  # compiled in train mode before freezing
        split = Split(compiled, ROWS, "7")
        with split.frozen() as freeze:
            train(compiled, split.trainable(), steps=2)
            freeze.check()

    def test_data_parallel(self):
        model = net()
        split = Split(nn.DataParallel(model), ROWS, "7")
        assert split.model is model
        with split.frozen() as freeze:
            train(nn.DataParallel(model), split.trainable())
            freeze.check()

    def test_nested(self):
        model = net().train()
        split = Split(model, ROWS, "7")
        with split.frozen():
            with split.frozen():
                pass
            model.train()
            assert not model[1].training
        model.train()
        assert model[1].training


class TestWhatMovesInEvalMode:
    class Counting(nn.Module):
        """Counts its passes in a buffer, and multiplies by something that may depend on it."""

        def __init__(self, matters):
            super().__init__()
            self.linear, self.matters = nn.Linear(4, 4), matters
            self.register_buffer("seen", torch.zeros(()))

        def forward(self, x):
            self.seen += 1
            return self.linear(x) * (1 + 0.1 * self.seen if self.matters else 1)

    @pytest.mark.parametrize("matters", [False, True])
    def test_counters_do_not_count_as_drift(self, matters):
        model = nn.Sequential(self.Counting(matters), nn.ReLU(), nn.Linear(4, 2))
        split = Split(model, ROWS, last=1)
        assert any("1 buffer in every pass, even in eval mode ('0.s" in t for t in split.notes)
        changes = [text for text in split.check() if "changes from pass to pass" in text]
        assert bool(changes) is matters
        with split.frozen() as freeze:
            train(model, split.trainable())
            freeze.check()
            with torch.no_grad():
                model[0].linear.bias[0] += 1  # negative control
            with pytest.raises(FrozenDriftError, match=r"0\.linear\.bias"):
                freeze.check()
