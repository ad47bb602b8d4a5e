r"""One step of the gradient attacks, and the ball they stay in.

.. math::
   x \leftarrow \Pi_{[l, u]}\bigl(
   x_0 + \Pi_{\varepsilon}(x + \alpha\, s(\nabla_x L) - x_0)\bigr)

with :math:`s` the sign (:math:`L_\infty`) or the unit vector (:math:`L_2`). The order of the
operations is foolbox's, so that deterministic attacks agree with it bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from robustsplit.attacks.base import Norm
from robustsplit.attacks.losses import Loss

__all__ = ["Ball", "ascend", "input_gradient", "per_input"]

#: Below this length a gradient counts as zero and is not normalised up.
SMALLEST_NORM = 1e-12


class Ball:
    """The inputs within `eps` of `center` in `norm` and inside `bounds`."""

    def __init__(
        self, center: Tensor, eps: float, norm: Norm, bounds: tuple[float, float]
    ) -> None:
        self.center, self.eps, self.norm, self.bounds = center, eps, norm, bounds

    def random_point(self, generator: torch.Generator) -> Tensor:
        """Return a random point of the ball for each input.

        Args:
            generator: Where the randomness comes from.

        Returns:
            Points that are uniform in the ball, then clipped to the bounds; shape of the centre.
        """
        x0 = self.center
        if self.norm == "linf":
            noise = torch.empty_like(x0).uniform_(-self.eps, self.eps, generator=generator)
        else:
            # d coordinates of a uniform point on the sphere in d + 2 dimensions are uniform in the
            # d-ball (Voelker et al. 2017).
            n, d = len(x0), x0[0].numel()
            direction = torch.empty((n, d + 2), dtype=x0.dtype, device=x0.device)
            direction.normal_(generator=generator)
            direction /= direction.norm(dim=1, keepdim=True)
            noise = self.eps * direction[:, :d].reshape(x0.shape)
        return noise.add_(x0).clamp_(*self.bounds)

    def step_(self, x: Tensor, gradient: Tensor, size: float) -> Tensor:
        """Move `x` in place by one step, then back into the ball and the bounds.

        Args:
            x: The current points, shape (n, ...); overwritten.
            gradient: The direction of the step, same shape: its sign is used for "linf", its unit
                vector for "l2".
            size: Length of the step, in units of the inputs.

        Returns:
            `x`.
        """
        if self.norm == "linf":
            x.add_(gradient.sign(), alpha=size).sub_(self.center).clamp_(-self.eps, self.eps)
        else:
            length = per_input(gradient.flatten(1).norm(dim=1).clamp(min=SMALLEST_NORM), x)
            x.addcdiv_(gradient, length, value=size).sub_(self.center)
            radius = x.flatten(1).norm(dim=1).clamp(min=SMALLEST_NORM)
            x.mul_(per_input((self.eps / radius).clamp(max=1.0), x))
        return x.add_(self.center).clamp_(*self.bounds)


def ascend(
    model: nn.Module,
    start: Tensor,
    labels: Tensor,
    *,
    ball: Ball,
    step_size: float,
    steps: int,
    loss: Loss,
) -> Tensor:
    """Return `start` after `steps` gradient steps of length `step_size`, kept in `ball`.

    Args:
        model: A classifier that returns logits, shape (n, K).
        start: Where to begin, shape (n, ...); it is not changed.
        labels: Right classes, shape (n,).
        ball: Where the result must lie.
        step_size: Step length, in units of the inputs.
        steps: How many steps; the last iterate is returned.
        loss: What to ascend, summed over the batch.

    Returns:
        The last iterate, a new tensor like `start`.

    Raises:
        ValueError: When the gradient with respect to the inputs is not finite, or there is none.
    """
    x = start.detach().clone()
    for step in range(steps):
        gradient = input_gradient(model, x, labels, loss)
        if step == 0 and not bool(torch.isfinite(gradient).all()):
            # sign(NaN) is 0 in torch, so that such inputs would silently count as robust
            raise ValueError(
                "The gradient of the loss with respect to the inputs contains NaN or infinity, "
                "although the logits are finite. Look for square roots, divisions or logarithms "
                "of 0 in the model."
            )
        x = ball.step_(x.detach(), gradient, step_size)
    return x


def input_gradient(model: nn.Module, x: Tensor, labels: Tensor, loss: Loss) -> Tensor:
    """Return the gradient of the loss with respect to the inputs; parameters get none.

    Args:
        model: A classifier that returns logits, shape (n, K).
        x: The inputs, shape (n, ...); marked as requiring a gradient.
        labels: Right classes, shape (n,).
        loss: A function of logits and labels, summed over the batch.

    Returns:
        The gradient, with the shape of `x`.

    Raises:
        ValueError: When autograd finds no path from the inputs to the logits.
    """
    x.requires_grad_()
    value = loss(model(x), labels)
    if not value.requires_grad:
        raise ValueError(
            "The model's logits do not depend differentiably on its inputs (a detach, no_grad, "
            "rounding or numpy step in its forward?). Gradient attacks cannot be used; use one "
            "that only queries the model."
        )
    (gradient,) = torch.autograd.grad(value, x)
    return gradient


def per_input(values: Tensor, like: Tensor) -> Tensor:
    """Return one value per input in a shape that broadcasts over the inputs.

    Args:
        values: Shape (n,).
        like: A tensor with the number of axes that is needed, shape (n, ...).

    Returns:
        A view of `values` with trailing axes of length 1.
    """
    return values.reshape(-1, *[1] * (like.ndim - 1))
