"""One tensor of logits from any classifier: what every attack differentiates.

Networks return tensors, named tuples, dictionaries, one logit or many; attacks want (n, classes).
`LogitModel` looks once, at the first forward pass, and then only passes tensors through.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from robustsplit.network.models import refusal

__all__ = ["LogitModel", "SelectOutput"]

#: Rows that sum to one this closely, without a negative entry, are probabilities, not logits.
PROBABILITY_TOLERANCE = 1e-5


class LogitModel(nn.Module):
    """Pass inputs through `module` and return logits with shape (n, K), K >= 2.

    A single-logit head z (shape (n,) or (n, 1)) becomes (0, z), whose cross-entropy is the binary
    one. An output with a tensor named ``logits`` (attribute or key) is taken for that tensor.
    The classifier is given copies, since some normalise their inputs in place.

    Args:
        module: The classifier; used as it is, its parameters are not copied.
        labels: Least and largest label of the batch, to be checked against K.

    Attributes:
        n_classes: K, once a batch has passed; None before.
        plain: Whether the module itself will do: its output is a tensor (n, K >= 2) and it leaves
            its inputs as they are; None before.
    """

    def __init__(self, module: nn.Module, labels: tuple[int, int] = (0, 0)) -> None:
        super().__init__()
        self.module = module
        self.labels = labels
        self.n_classes: int | None = None
        self.plain: bool | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of a batch; the first batch is checked.

        Args:
            inputs: Shape (n, ...).

        Returns:
            The logits, with shape (n, K), K >= 2.

        Raises:
            TypeError: When the model's output holds no tensor of logits, or the inputs' dtype is
                not the model's.
            ValueError: For logits of another shape, labels outside them, NaN or infinity, and
                inputs that the model does not take.
        """
        if self.n_classes is None:
            return self._first(inputs)
        return _two_dimensional(self.module(inputs.clone()))

    def _first(self, inputs: Tensor) -> Tensor:
        """Check the first output; what passes once is trusted for the rest of the attack."""
        given = inputs.clone()
        before = written(given)
        try:
            output = self.module(given)
        except RuntimeError as error:
            raise refusal(error, self.module, inputs) from error
        logits = _two_dimensional(output)
        if logits.ndim != 2 or len(logits) != len(inputs):
            raise ValueError(
                f"The model returned shape {tuple(logits.shape)} for {len(inputs)} inputs; "
                "attacks need logits with shape (n, classes), one row per input. Wrap the model "
                "so that it returns them."
            )
        self.n_classes = logits.shape[1]
        whole = output is logits
        self.plain = whole and written(given) == before
        if self.labels[1] >= self.n_classes or self.labels[0] < 0:
            wrong = self.labels[1] if self.labels[1] >= self.n_classes else self.labels[0]
            single = " (one logit, taken as two classes)" if not whole else ""
            raise ValueError(
                f"Got label {wrong}, but the model has {self.n_classes} classes{single}: labels "
                f"must be 0 to {self.n_classes - 1}. Check that the labels start at 0 and that "
                "the model's last layer fits the data."
            )
        _check_values(logits.detach(), whole)
        return logits


class SelectOutput(nn.Module):
    """A model that returns one entry of `module`'s output, as ``SelectOutput(model, 0)`` does.

    An output that is one tensor already is returned whole: networks with auxiliary heads return a
    tuple in train mode only, and an entry of the tensor would be the logits of one input.

    Args:
        module: A model that returns a tuple, list or mapping.
        key: Which entry holds the logits.
    """

    def __init__(self, module: nn.Module, key: int | str) -> None:
        super().__init__()
        self.module = module
        self.key = key

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the chosen entry of the module's output, or the output if it is a tensor.

        Args:
            *args: Passed on to the module.
            **kwargs: Likewise.

        Returns:
            ``module(*args, **kwargs)[key]``.
        """
        output = self.module(*args, **kwargs)
        return output if isinstance(output, Tensor) else output[self.key]


def written(tensor: Tensor) -> int:
    """Return how often `tensor` was written to; inference tensors do not count."""
    return -1 if tensor.is_inference() else tensor._version


def _two_dimensional(output: Any) -> Tensor:
    """Return the logits in `output`; one logit becomes two columns."""
    if not isinstance(output, Tensor):
        output = _named_logits(output)
    if output.ndim == 2 and output.shape[1] > 1:
        return output
    if output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1):
        single = output.reshape(-1, 1)
        return torch.cat([torch.zeros_like(single), single], dim=1)
    return output


def _named_logits(output: Any) -> Tensor:
    """Return ``output.logits`` or ``output["logits"]``, or say what the output is made of."""
    found = output.get("logits") if isinstance(output, Mapping) else None
    found = getattr(output, "logits", None) if found is None else found
    if isinstance(found, Tensor):
        return found
    if isinstance(output, Mapping):
        entries, example = {str(key): _shape(item) for key, item in output.items()}, '"out"'
    elif isinstance(output, (tuple, list)):
        entries, example = {str(i): _shape(item) for i, item in enumerate(output)}, "0"
    else:
        entries, example = {}, "0"
    parts = ", ".join(f"{key}: {shape}" for key, shape in entries.items())
    raise TypeError(
        f"The model returned a {type(output).__name__}{f' of ({parts})' if parts else ''}; "
        "attacks need one tensor of logits. Pass robustsplit.attacks.SelectOutput(model, "
        f"{example}), with the key of the logits, or wrap the model in a module that returns them."
    )


def _shape(item: Any) -> str:
    return f"Tensor {tuple(item.shape)}" if isinstance(item, Tensor) else type(item).__name__


def _check_values(logits: Tensor, whole: bool) -> None:
    """Raise for NaN and +infinity; warn of probabilities. One transfer from the device."""
    least, most, off_one = torch.stack(
        [logits.amin(), logits.amax(), (logits.sum(dim=1) - 1).abs().amax()]
    ).tolist()
    if most != most or most == float("inf"):
        raise ValueError(
            f"The model's logits contain {'NaN' if most != most else 'infinity'} on clean inputs "
            "in eval mode, so its gradients are of no use. Check the weights (did the training "
            "diverge?) and the scale of the inputs."
        )
    softmax = least >= 0 and off_one < PROBABILITY_TOLERANCE
    sigmoid = not whole and len(logits) >= 16 and 0 <= least and most <= 1
    if softmax or sigmoid:
        warnings.warn(
            "The model's outputs look like probabilities"
            + (" (rows sum to 1)" if softmax else " (all in [0, 1])")
            + ". Attacks need logits: on probabilities the cross-entropy saturates and robustness "
            "is overstated. Remove the final softmax or sigmoid.",
            stacklevel=2,
        )
