"""RMSProp: steps over the root of a decaying mean square."""

from typing import Any

from .words import sqrt

__all__ = ["centered_rmsprop", "rmsprop", "torch_rmsprop"]


def rmsprop(
    var: Any,
    mean_square: Any,
    moment: Any,
    grad: Any,
    *,
    lr: Any,
    rho: Any,
    momentum: Any,
    epsilon: Any,
) -> tuple[Any, Any, Any]:
    r"""RMSProp (Tieleman & Hinton, 2012), with epsilon under the root and the step size inside the moment.

    .. math::
        s &= \rho s + (1 - \rho) g^2 \\
        moment &= \mu\, moment + lr \frac{g}{\sqrt{s + \epsilon}} \\
        w &= w - moment

    Args:
        var: the weights w, any shape.
        mean_square: the decaying mean s of the squared gradients, of the shape of ``var``.
        moment: the decaying sum of the steps, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        rho: how much of ``mean_square`` a step keeps, in [0, 1).
        momentum: how much of ``moment`` a step keeps, :math:`\mu`.
        epsilon: added under the root.

    Returns:
        The new ``(var, mean_square, moment)``.

    Source: ``mindspore.ops.ApplyRMSProp``; ``tf.raw_ops.ResourceApplyRMSProp``.

    >>> var, mean_square, moment = rmsprop(1.0, 0.07, 0.2, 0.3, lr=0.1, rho=0.5, momentum=0.8, epsilon=0.01)
    >>> round(float(var), 6), round(float(mean_square), 6), round(float(moment), 6)
    (0.74, 0.08, 0.26)
    """
    mean_square = rho * mean_square + (1 - rho) * grad * grad
    moment = momentum * moment + lr * grad / sqrt(mean_square + epsilon)
    var = var - moment
    return var, mean_square, moment


def centered_rmsprop(
    var: Any,
    mean_gradient: Any,
    mean_square: Any,
    moment: Any,
    grad: Any,
    *,
    lr: Any,
    rho: Any,
    momentum: Any,
    epsilon: Any,
) -> tuple[Any, Any, Any, Any]:
    r"""RMSProp by the gradient's variance (Graves, 2013), with epsilon under the root.

    .. math::
        b &= \rho b + (1 - \rho) g \\
        s &= \rho s + (1 - \rho) g^2 \\
        moment &= \mu\, moment + lr \frac{g}{\sqrt{s - b^2 + \epsilon}} \\
        w &= w - moment

    Args:
        var: the weights w, any shape.
        mean_gradient: the decaying mean b of the gradients, of the shape of ``var``; starts at 0.
        mean_square: the decaying mean s of the squared gradients, of the shape of ``var``.
        moment: the decaying sum of the steps, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        rho: how much of ``mean_gradient`` and ``mean_square`` a step keeps, in [0, 1).
        momentum: how much of ``moment`` a step keeps, :math:`\mu`.
        epsilon: added under the root.

    Returns:
        The new ``(var, mean_gradient, mean_square, moment)``.

    Source: https://arxiv.org/abs/1308.0850, section 4; ``mindspore.ops.ApplyCenteredRMSProp``.

    >>> var, mean, square, moment = centered_rmsprop(1.0, 0.1, 0.07, 0.2, 0.3, lr=0.1, rho=0.5, momentum=0.8,
    ...                                              epsilon=0.05)
    >>> round(float(var), 6), round(float(mean), 6), round(float(square), 6), round(float(moment), 6)
    (0.74, 0.2, 0.08, 0.26)
    """
    mean_gradient = rho * mean_gradient + (1 - rho) * grad
    mean_square = rho * mean_square + (1 - rho) * grad * grad
    variance = mean_square - mean_gradient * mean_gradient
    moment = momentum * moment + lr * grad / sqrt(variance + epsilon)
    var = var - moment
    return var, mean_gradient, mean_square, moment


def torch_rmsprop(
    var: Any,
    square_avg: Any,
    grad_avg: Any,
    momentum_buffer: Any,
    grad: Any,
    *,
    lr: Any,
    alpha: Any,
    epsilon: Any,
    momentum: Any = 0.0,
    weight_decay: Any = 0.0,
    centered: bool = False,
    use_momentum: bool = True,
) -> tuple[Any, Any, Any, Any]:
    r"""RMSProp as PyTorch computes it: epsilon beside the root, the step size outside the momentum.

    .. math::
        g &= g + \lambda w \\
        s &= \alpha s + (1 - \alpha) g^2 \\
        buffer &= \mu\, buffer + \frac{g}{\sqrt{s} + \epsilon} \\
        w &= w - lr\, buffer

    With ``centered``, :math:`b = \alpha b + (1 - \alpha) g`, and :math:`s - b^2` takes the place of :math:`s` under
    the root. Without it, ``grad_avg`` is neither used nor changed; nor is ``momentum_buffer`` without
    ``use_momentum``, as if :math:`\mu` were 0.

    Args:
        var: the weights w, any shape.
        square_avg: the decaying mean s of the squared gradients, of the shape of ``var``; starts at 0.
        grad_avg: the decaying mean b of the gradients, of the shape of ``var``; starts at 0.
        momentum_buffer: the decaying sum of the steps, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        alpha: how much of ``square_avg`` and ``grad_avg`` a step keeps, in [0, 1).
        epsilon: added to the root.
        momentum: how much of ``momentum_buffer`` a step keeps, :math:`\mu`.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        centered: divide by the root of the variance.
        use_momentum: keep the sum of the steps.

    Returns:
        The new ``(var, square_avg, grad_avg, momentum_buffer)``.

    Source: ``torch.optim.RMSprop``.

    >>> var, square, mean, buffer = torch_rmsprop(1.0, 0.09, 0.0, 0.5, 0.3, lr=0.1, alpha=0.5, epsilon=0.2,
    ...                                           momentum=0.8)
    >>> round(float(var), 6), round(float(square), 6), mean, round(float(buffer), 6)
    (0.9, 0.09, 0.0, 1.0)
    """
    grad = grad + weight_decay * var
    square_avg = alpha * square_avg + (1 - alpha) * grad * grad
    if centered:
        grad_avg = alpha * grad_avg + (1 - alpha) * grad
    root = sqrt(square_avg - grad_avg * grad_avg if centered else square_avg)
    update = grad / (root + epsilon)
    if use_momentum:
        momentum_buffer = momentum * momentum_buffer + update
        update = momentum_buffer
    return var - lr * update, square_avg, grad_avg, momentum_buffer
