"""A mean and a standard deviation in front of a network, so that it takes images in [0, 1].

Most networks were trained on (x - mean) / std. Attacks measure their radius in pixels, so the
images stay in [0, 1] and the normalisation becomes a part of the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from mitools.samples.messages import unknown

__all__ = ["NORMALIZATIONS", "NormalizedModel", "normalised_by", "normalization"]

#: Mean and standard deviation per channel, by the name of the data set or of the convention.
NORMALIZATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "svhn": ((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion-mnist": ((0.2860,), (0.3530,)),
    "clip": (
        (0.48145466, 0.4578275, 0.40821073),
        (0.26862954, 0.26130258, 0.27577711),
    ),
    "half": ((0.5,), (0.5,)),
    "bytes": ((0.0,), (1 / 255,)),
}

Numbers = str | float | Sequence[float]


def normalization(
    mean: Numbers, std: Numbers | None = None
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel as numbers, checked.

    Args:
        mean: Numbers, one per channel or one for all; text such as "0.5, 0.5, 0.5"; or a name in
            `NORMALIZATIONS`, such as "imagenet". Both are in units of [0, 1].
        std: Likewise; None takes the deviation that belongs to the name given as `mean`.

    Returns:
        Both, of one length.

    Raises:
        ValueError: For an unknown name, numbers that are not in [0, 1], deviations that are not
            positive, different lengths, and when only one of both is given.
    """
    if std is None or std == "":
        if not isinstance(mean, str) or _is_number(mean.split(",")[0]):
            raise ValueError(
                "`mean` is given without `std`. Give both, or one name for both, such as "
                "mean='imagenet'."
            )
        std = mean
    means, stds = _numbers("mean", mean, 0), _numbers("std", std, 1)
    if len(means) != len(stds):
        if 1 not in (len(means), len(stds)):
            raise ValueError(
                f"`mean` has {len(means)} numbers and `std` has {len(stds)}; both need one per "
                "channel, or one for all channels."
            )
        n_channels = max(len(means), len(stds))
        means = means * n_channels if len(means) == 1 else means
        stds = stds * n_channels if len(stds) == 1 else stds
    if max(means) > 1 or min(means) < 0 or max(stds) > 1:
        raise ValueError(
            f"`mean` and `std` are in units of [0, 1], as the images are; got mean {means} and "
            f"std {stds}. Divide numbers for pixels from 0 to 255 by 255."
        )
    if min(stds) <= 0:
        raise ValueError(f"`std` must be positive for every channel, got {stds}.")
    return means, stds


class NormalizedModel(nn.Module):
    """A network that was trained on normalised images, taking images in [0, 1].

    The network's weights are shared, not copied. Layers, parameters and tensors of the state dict
    keep the names they have in the network, so that cuts, layer patterns and weights files that
    fit the one fit the other; other attributes are looked up there as well. Wrappers such as
    DataParallel belong around it, not inside.

    Args:
        model: The network.
        mean: Mean per channel that its training subtracted, in units of [0, 1]; one number stands
            for all channels. A name in `NORMALIZATIONS`, such as "imagenet", stands for both.
        std: Standard deviation per channel that its training divided by.

    Attributes:
        mean: Tensor with one number per channel.
        std: Likewise.

    Raises:
        TypeError: When `model` is no module.
        ValueError: See `normalization`.

    Example:
        >>> import torch
        >>> from robustsplit import NormalizedModel
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 4 * 4, 2))
        >>> model = NormalizedModel(network, mean="imagenet")
        >>> list(model.state_dict()) == list(network.state_dict())
        True
    """

    def __init__(self, model: nn.Module, mean: Numbers, std: Numbers | None = None) -> None:
        super().__init__()
        if not isinstance(model, nn.Module):
            raise TypeError(f"`model` must be a torch module, got {type(model).__name__}.")
        means, stds = normalization(mean, std)
        # Neither parameters nor buffers: the state dict stays the network's.
        self.mean = torch.tensor(means, dtype=torch.float32)
        self.std = torch.tensor(stds, dtype=torch.float32)
        self.training = model.training
        self._network = model
        self._register_load_state_dict_pre_hook(_into_network)

    def forward(self, inputs: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Normalise `inputs`, with shape (n, channels, ...), and apply the network."""
        n_channels = len(self.mean)
        if n_channels > 1 and (inputs.ndim < 2 or inputs.shape[1] != n_channels):
            raise ValueError(
                f"The normalisation has {n_channels} channels, the inputs have shape "
                f"{tuple(inputs.shape)}. Give one number for `mean` and `std`, or one per channel."
            )
        shape = (n_channels,) + (1,) * (inputs.ndim - 2)
        mean, std = (x.to(inputs.device, inputs.dtype).view(shape) for x in (self.mean, self.std))
        return self._network((inputs - mean) / std, *args, **kwargs)

    @property
    def unnormalized(self) -> nn.Module:
        """The network itself, without the normalisation."""
        return self._network

    def named_modules(
        self,
        memo: set[nn.Module] | None = None,
        prefix: str = "",
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, nn.Module]]:
        """Yield this module, then the network and its parts under the names they have there."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        yield from self._network.named_modules(memo, prefix, remove_duplicate)

    def get_submodule(self, target: str) -> nn.Module:
        """Return a part of the network by its name there."""
        return self._network.get_submodule(target) if target else self

    def get_parameter(self, target: str) -> nn.Parameter:
        """Return a parameter of the network by its name there."""
        return self._network.get_parameter(target)

    def get_buffer(self, target: str) -> Tensor:
        """Return a buffer of the network by its name there."""
        return self._network.get_buffer(target)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the network's state dict."""
        return self._network.state_dict(*args, **kwargs)

    def load_state_dict(self, state_dict: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Load a state dict of the network."""
        return self._network.load_state_dict(state_dict, *args, **kwargs)

    def extra_repr(self) -> str:
        """Return mean and deviation, for `repr`."""
        return f"mean {_short(self.mean)}, std {_short(self.std)}"

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("_"):  # such as torch.compile's mark on the network alone
                raise
            return getattr(self._network, name)

    def __setattr__(self, name: str, value: Any) -> None:
        network = vars(self).get("_modules", {}).get("_network")
        own = network is None or name in vars(self) or hasattr(type(self), name)
        if not own and hasattr(network, name):
            setattr(network, name, value)  # a new head, say: the forward pass must use it
        else:
            super().__setattr__(name, value)

    def _apply(self, fn: Any, recurse: bool = True) -> NormalizedModel:
        super()._apply(fn, recurse)
        self.mean, self.std = fn(self.mean), fn(self.std)
        return self


def normalised_by(model: nn.Module) -> str:
    """Return ", normalised by ..." for a report, or "" for a model that is not normalised here."""
    return f", normalised by {model.extra_repr()}" if isinstance(model, NormalizedModel) else ""


def _into_network(state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Put the network's place in front of its names, where an outer module loads a state."""
    for key in [key for key in state if key.startswith(prefix)]:
        state[f"{prefix}_network.{key.removeprefix(prefix)}"] = state.pop(key)


def _numbers(argument: str, value: Numbers, which: int) -> tuple[float, ...]:
    if isinstance(value, str):
        name = value.strip().lower().replace("_", "-")
        if name in NORMALIZATIONS:
            return NORMALIZATIONS[name][which]
        words: Sequence[Any] = [word.strip() for word in value.strip("[]() ").split(",")]
        if not all(map(_is_number, words)):
            raise ValueError(f"`{argument}`: " + unknown("normalisation", value, NORMALIZATIONS))
    else:
        words = [value] if isinstance(value, int | float) else list(value)
    try:
        numbers = tuple(
            float(Fraction(word)) if isinstance(word, str) else float(word) for word in words
        )
    except (TypeError, ValueError, ZeroDivisionError):
        numbers = ()
    if not numbers or not all(map(isfinite, numbers)):
        raise ValueError(
            f"`{argument}` takes one number per channel, such as 0.485, 0.456, 0.406, or a name "
            f"such as 'imagenet'; got {value!r}."
        )
    return numbers


def _is_number(word: str) -> bool:
    try:
        Fraction(word.strip())
    except (ValueError, ZeroDivisionError):
        return False
    return True


def _short(numbers: Tensor) -> str:
    words = [f"{number:.4g}" for number in numbers.tolist()]
    return words[0] if len(words) == 1 else f"({', '.join(words)})"
