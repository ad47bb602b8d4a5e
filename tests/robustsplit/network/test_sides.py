"""What a cut goes through, and what would leak across it."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.prune import l1_unstructured

from robustsplit.network import Split
from tests.robustsplit.network.cut_networks import ROWS, Skip, net, network

IMAGES = torch.rand(2, 3, 64, 64)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.middle, self.last = (nn.Linear(4, 4) for _ in range(3))
        self.last.weight = self.first.weight

    def forward(self, x):
        return self.last(self.middle(self.first(x)))


class TestCheck:
    def test_a_plain_chain_is_clean(self):
        split = Split(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)), ROWS, last=1)
        assert split.clean
        assert split.check() == []

    @pytest.mark.parametrize(("at", "clean"), [("one", True), ("two", False), ("head", True)])
    def test_residual_blocks(self, at, clean):
        split = Split(Skip(), ROWS, at)
        assert split.clean is clean
        assert any("inside a residual block" in text for text in split.check()) is not clean

    def test_a_clean_cut_nearby_is_named(self):
        split = Split(network("resnet18"), IMAGES, last=4)
        assert split.f_b[0] == "layer4.0.conv2"
        assert "A cut at 'layer4.0' is clean." in split.check()[0]
        assert Split(split.model, IMAGES, "layer4.0").clean

    def test_the_verdict_agrees_with_a_patched_run(self):
        """Independent of autograd: exchange the tensor at the cut, and see if inputs still act."""
        for model, cuts in ((Skip(), ("one", "two", "head")), (net(), ("4", "7", "9"))):
            model.eval()
            for at in cuts:
                split = Split(model, ROWS, at)
                hidden = split.run_f_a(ROWS)

                def exchange(module, args, hidden=hidden):
                    args[0].data.copy_(hidden)  # for all who hold the tensor

                with torch.no_grad(), model.get_submodule(at).register_forward_pre_hook(exchange):
                    patched = model(torch.randn(8, 4))
                assert torch.allclose(patched, model(ROWS), atol=1e-6) is split.clean, at

    def test_parts_of_one_tensor_are_told_apart(self):
        class Halves(nn.Module):
            def __init__(self):
                super().__init__()
                self.stem, self.left, self.head = nn.Linear(4, 8), nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                left, right = self.stem(x).chunk(2, 1)
                return self.head(self.left(left) * right)

        assert not Split(Halves(), ROWS, "left").clean

    def test_shared_parameters(self):
        split = Split(Tied(), ROWS, "middle")
        assert any("first.weight = last.weight is used on both" in t for t in split.check())
        assert {"first.weight", "last.weight"} <= set(split.f_a_tensors)
        assert [p.shape for p in split.trainable()] == [(4, 4), (4,), (4,)]

    def test_modules_that_run_on_both_sides(self):
        class Reused(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                return self.head(self.inner(torch.relu(self.inner(x))))

        split = Split(Reused(), ROWS, "inner:2")
        assert (split.f_a, split.f_b) == (("inner",), ("inner:2", "head"))
        assert set(split.f_b_tensors) == {"head.weight", "head.bias"}
        assert any("'inner' of f_a run again after the cut" in text for text in split.check())

    def test_what_train_mode_would_change(self):
        model = net()
        nn.utils.parametrizations.spectral_norm(model[4])
        split = Split(model, ROWS, "7")
        texts = " ".join(split.notes)
        assert "2 normalisation layers with running statistics" in texts
        assert "1 dropout layer" in texts
        assert "spectral normalisation" in texts
        assert not any("normalisation" in text for text in split.check())  # no reason to worry

    def test_uncalled_modules(self):
        model = Skip()
        model.spare = nn.Linear(3, 3)
        split = Split(model, ROWS, "head")
        assert any("'spare'" in text for text in split.check())
        assert "spare.weight" in split.f_b_tensors

    def test_auxiliary_heads_stay_with_f_b(self):
        model = network("googlenet", init_weights=False)
        split = Split(model, IMAGES, "inception4a")
        assert "aux1.conv.bn.running_mean" in split.f_b_tensors
        assert "aux1.fc1.weight" in split.f_b_tensors

    def test_noise_outside_of_modules(self):
        class Functional(nn.Module):
            def __init__(self):
                super().__init__()
                self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

            def forward(self, x):
                return self.b(F.dropout(self.a(x), 0.5, self.training))

        texts = Split(Functional(), ROWS, "b").check()
        assert any("differs in train mode" in text for text in texts)
        assert not any("differs in train mode" in text for text in Split(net(), ROWS, "7").check())

    def test_pruning_is_not_spectral_normalisation(self):
        model = net()
        l1_unstructured(model[0], "weight", 0.5)
        assert not any("spectral" in text for text in Split(model, ROWS, "7").notes)
        nn.utils.spectral_norm(model[4])
        assert any("spectral normalisation ('4')" in t for t in Split(model, ROWS, "7").notes)

    def test_batch_normalisation_without_running_statistics_is_told(self):
        model = net()
        assert not any("statistics of each batch" in t for t in Split(model, ROWS, "7").check())
        model[1] = nn.BatchNorm1d(6, track_running_stats=False)
        assert any("statistics of each batch" in t for t in Split(model, ROWS, "7").check())
