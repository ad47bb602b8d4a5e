"""The networks: their layers, their shapes, and the seed they are drawn from."""

import pytest
import torch

from robustsplit import zoo
from robustsplit.network import weight_layers


@pytest.mark.parametrize("size", [4, 8, 9])
def test_the_small_network_has_seven_weight_layers(size):
    model = zoo.small_cnn(3, 5, image_size=size, width=2, batch_norm=True).eval()
    images = torch.rand(2, 3, size, size)
    assert model(images).shape == (2, 5)
    names = [layer.name for layer in weight_layers(model, images)]
    assert names == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc1", "fc2"]


def test_images_too_small_for_two_poolings_are_refused():
    with pytest.raises(ValueError, match="`image_size` must be at least 4, got 3"):
        zoo.small_cnn(image_size=3)


def test_seeds_decide_and_the_generator_is_left_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, two, other = (zoo.small_cnn(width=2, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.fc2.weight, two.fc2.weight)
    assert not torch.equal(one.fc2.weight, other.fc2.weight)


@pytest.mark.parametrize("name", ["alexnet", "resnet18"])
def test_stems_for_small_images(name):
    model = getattr(zoo, name)(classes=7, small_images=True).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)
