"""A network that sees other inputs than in its training is noticed before it is measured."""

import warnings

import pytest
import torch
from torch import nn

from robustsplit import NormalizedModel
from robustsplit.data import ImageData
from robustsplit.normalization import NORMALIZATIONS
from robustsplit.training import preprocessing_doubt


class Nearest(nn.Module):
    """Says which of some prototypes the (normalised) input is nearest to."""

    def __init__(self, prototypes):
        super().__init__()
        self.prototypes = nn.Parameter(prototypes.flatten(1))

    def forward(self, x):
        return -torch.cdist(x.flatten(1), self.prototypes)


def images(n=300, classes=6, channels=3, spread=0.1, seed=0):
    draw = torch.Generator().manual_seed(seed)
    centres = 0.3 + 0.4 * torch.rand(classes, channels, 4, 4, generator=draw)
    labels = torch.arange(n) % classes
    noise = spread * torch.randn(n, channels, 4, 4, generator=draw)
    return ImageData((centres[labels] + noise).clamp(0, 1), labels), centres


def normalised(centres, name):
    mean, std = (torch.tensor(x).view(-1, 1, 1) for x in NORMALIZATIONS[name])
    return (centres - mean) / std


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "half", "clip"])
def test_a_normalised_network_without_its_normalisation(name):
    data, centres = images()
    network = Nearest(normalised(centres, name))
    right = NormalizedModel(network, name)
    said = preprocessing_doubt(network, data)
    assert "The network gets" in said and "of 200 images right, and" in said
    assert "--mean" in said and "measure again" in said
    assert preprocessing_doubt(right, data) == ""


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_means_that_have_no_name_are_found_in_the_images(channels):
    data, centres = images(channels=channels)
    dim = (0, 2, 3)
    mean, std = data.inputs.mean(dim).view(-1, 1, 1), data.inputs.std(dim).view(-1, 1, 1)
    network = Nearest((centres - mean) / std)
    said = preprocessing_doubt(network, data)
    assert "in front" in said
    assert preprocessing_doubt(NormalizedModel(network, mean.flatten(), std.flatten()), data) == ""


def test_bytes_are_a_normalisation_too():
    data, centres = images()
    assert "--mean bytes" in preprocessing_doubt(Nearest(255 * centres), data)


def test_a_normalisation_too_many_is_noticed():
    greys = torch.linspace(0.2, 0.8, 6).view(6, 1, 1, 1).repeat(1, 3, 4, 4)
    data = ImageData(greys.repeat(40, 1, 1, 1), torch.arange(240) % 6)
    assert preprocessing_doubt(Nearest(greys), data) == ""
    said = preprocessing_doubt(NormalizedModel(Nearest(greys), "imagenet"), data)
    assert "right with the normalisation given, and" in said and "without it" in said


def test_a_network_of_pixels_raises_no_doubt():
    for spread in (0.05, 0.2, 0.4):  # from all right to many wrong
        data, centres = images(spread=spread)
        assert preprocessing_doubt(Nearest(centres), data) == ""


def test_chance_is_named_and_asked_about():
    data, centres = images()
    shuffled = Nearest(centres[torch.tensor([1, 2, 3, 4, 5, 0])])
    said = preprocessing_doubt(shuffled, data)
    assert "no better than chance (1" in said and "although weights were loaded" in said
    assert preprocessing_doubt(shuffled, data, trained=False) == ""
    most = ImageData(data.inputs, (data.labels > 4).long())  # 5 of 6 images are of one class
    constant = Nearest(torch.stack([centres.mean(0), 99 * torch.ones_like(centres[0])]))
    assert "no better than chance (8" in preprocessing_doubt(constant, most)


@pytest.mark.parametrize("n", [1, 2, 6, 12])
def test_a_few_images_that_are_right_are_not_called_chance(n):
    data, centres = images(n=n)
    assert preprocessing_doubt(Nearest(centres), data) == ""


def test_an_untrained_network_is_only_doubted_if_it_is_good():
    data, centres = images()
    for seed in range(5):
        torch.manual_seed(seed)
        untrained = nn.Sequential(nn.Flatten(), nn.Linear(48, 30), nn.ReLU(), nn.Linear(30, 6))
        assert preprocessing_doubt(untrained, data, trained=False) == ""
    pretrained = Nearest(normalised(centres, "imagenet"))  # by its own factory
    assert "--mean" in preprocessing_doubt(pretrained, data, trained=False)


def test_it_leaves_the_network_as_it_was_and_takes_other_inputs():
    data, centres = images()
    network = nn.Sequential(nn.Dropout(0.5), Nearest(normalised(centres, "imagenet"))).train()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert preprocessing_doubt(network, data) == preprocessing_doubt(network, data)
    assert network.training and network[0].training
    flat = ImageData(data.inputs.flatten(1), data.labels)
    rows = ImageData(data.inputs.flatten(1, 2), data.labels)
    for given in (flat, rows):
        assert preprocessing_doubt(Nearest(centres), given) == ""
        assert "--mean" in preprocessing_doubt(Nearest((centres - 0.5) / 0.5), given)
