"""Networks: a small one for the demo, and AlexNet, VGG16 and ResNet through torchvision.

All take images in [0, 1]. With `small_images`, the torchvision networks get the first layers that
are usual for 32 x 32 images: the published ones would shrink such an image to nothing before the
first block.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from mitools.samples.messages import require, unknown
from robustsplit.normalization import NormalizedModel

__all__ = ["NormalizedModel", "alexnet", "build", "resnet18", "resnet50", "small_cnn", "vgg16"]


def small_cnn(
    channels: int = 1,
    classes: int = 10,
    *,
    image_size: int = 8,
    width: int = 16,
    batch_norm: bool = False,
    seed: int = 0,
) -> nn.Sequential:
    """Return a network of seven weight layers: five convolutions and two fully connected layers.

    Args:
        channels: Channels of the images.
        classes: Number of logits.
        image_size: Height and width of the images, at least 4.
        width: Channels of the first two convolutions; the other three have twice as many.
        batch_norm: Batch normalisation after each convolution.
        seed: Seed of the initial weights.

    Returns:
        The network; its weight layers are named conv1 to conv5, fc1 and fc2.

    Raises:
        ValueError: For images smaller than 4 x 4.
    """
    if image_size < 4:
        raise ValueError(f"`image_size` must be at least 4, got {image_size}.")
    model = nn.Sequential()
    widths = [channels, width, width, 2 * width, 2 * width, 2 * width]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for index in range(1, 6):
            before, after = widths[index - 1], widths[index]
            model.add_module(f"conv{index}", nn.Conv2d(before, after, 3, padding=1))
            if batch_norm:
                model.add_module(f"norm{index}", nn.BatchNorm2d(after))
            model.add_module(f"relu{index}", nn.ReLU())
            if index in (2, 4):
                model.add_module(f"pool{index}", nn.MaxPool2d(2))
        model.add_module("flatten", nn.Flatten())
        side = image_size // 2 // 2
        model.add_module("fc1", nn.Linear(2 * width * side * side, 4 * width))
        model.add_module("relu6", nn.ReLU())
        model.add_module("fc2", nn.Linear(4 * width, classes))
    return model


def alexnet(classes: int = 10, *, small_images: bool = False, seed: int = 0) -> nn.Module:
    """Return torchvision's AlexNet with random weights.

    Args:
        classes: Number of logits.
        small_images: For 32 x 32 images: a 3 x 3 first convolution and smaller poolings.
        seed: Seed of the initial weights.

    Returns:
        The network.
    """
    model = _torchvision("alexnet", classes, seed)
    if small_images:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.features[0] = nn.Conv2d(3, 64, kernel_size=3, stride=2, padding=1)
        model.features[2] = model.features[5] = nn.MaxPool2d(kernel_size=2)
        model.features[12] = nn.Identity()
        model.avgpool = nn.AdaptiveAvgPool2d((6, 6))
    return model


def vgg16(
    classes: int = 10, *, small_images: bool = False, batch_norm: bool = True, seed: int = 0
) -> nn.Module:
    """Return torchvision's VGG16 with random weights.

    Args:
        classes: Number of logits.
        small_images: For 32 x 32 images: pooling to 1 x 1 before the classifier, as in the
            authors' code.
        batch_norm: Batch normalisation after each convolution.
        seed: Seed of the initial weights.

    Returns:
        The network.
    """
    model = _torchvision("vgg16_bn" if batch_norm else "vgg16", classes, seed)
    if small_images:
        model.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.classifier[0] = nn.Linear(512, 4096)
    return model


def resnet18(classes: int = 10, *, small_images: bool = False, seed: int = 0) -> nn.Module:
    """Return torchvision's ResNet-18 with random weights.

    Args:
        classes: Number of logits.
        small_images: For 32 x 32 images: a 3 x 3 first convolution and no pooling after it.
        seed: Seed of the initial weights.

    Returns:
        The network.
    """
    return _small_stem(_torchvision("resnet18", classes, seed), small_images, seed)


def resnet50(classes: int = 10, *, small_images: bool = False, seed: int = 0) -> nn.Module:
    """Return torchvision's ResNet-50 with random weights.

    Args:
        classes: Number of logits.
        small_images: For 32 x 32 images: a 3 x 3 first convolution and no pooling after it.
        seed: Seed of the initial weights.

    Returns:
        The network.
    """
    return _small_stem(_torchvision("resnet50", classes, seed), small_images, seed)


#: What a configuration file can name.
BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "small_cnn": small_cnn,
    "alexnet": alexnet,
    "vgg16": vgg16,
    "resnet18": resnet18,
    "resnet50": resnet50,
}


def build(name: str, **options: Any) -> nn.Module:
    """Return a network by its name.

    Args:
        name: "small_cnn", "alexnet", "vgg16", "resnet18" or "resnet50".
        **options: Arguments of the function of that name.

    Returns:
        The network.

    Raises:
        ValueError: For another name, with the nearest.

    Example:
        >>> from robustsplit.zoo import build
        >>> build("small_cnn", width=4)[0]
        Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
    """
    if name not in BUILDERS:
        raise ValueError(unknown("network", name, BUILDERS))
    return BUILDERS[name](**options)


def _torchvision(name: str, classes: int, seed: int) -> Any:
    models = require("torchvision.models", extra="torch", purpose=name)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return getattr(models, name)(weights=None, num_classes=classes)


def _small_stem(model: Any, small_images: bool, seed: int) -> nn.Module:
    if small_images:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model.conv1 = nn.Conv2d(3, 64, kernel_size=3, stride=1, padding=1, bias=False)
        model.maxpool = nn.Identity()
    return model
