"""Gradient descent with momentum."""

from typing import Any

from .idle import idle
from .words import where

__all__ = ["keras_momentum", "momentum", "sgd", "torch_sgd", "weight_scale_momentum"]


def momentum(
    var: Any,
    accum: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    gradient_scale: Any = 1.0,
    use_nesterov: bool = False,
) -> tuple[Any, Any]:
    r"""Momentum (Sutskever et al., 2013), with the step size outside the accumulator.

    .. math::
        accum &= \mu\, accum + s\, g \\
        w &= w - lr\, accum

    With ``use_nesterov``, :math:`s\, g + \mu\, accum` takes the place of :math:`accum` in the last line.

    Args:
        var: the weights w, any shape.
        accum: the decaying sum of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of ``accum`` a step keeps, :math:`\mu`.
        gradient_scale: the factor of the gradient, s.
        use_nesterov: look one step ahead along the sum.

    Returns:
        The new ``(var, accum)``.

    Source: https://dl.acm.org/doi/10.5555/3042817.3043064; ``mindspore.ops.ApplyMomentum``.

    >>> var, accum = momentum(1.0, 0.5, 0.3, lr=0.1, momentum=0.8)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.93, 0.7)
    """
    grad = gradient_scale * grad
    accum = momentum * accum + grad
    var = var - (lr * grad + lr * momentum * accum if use_nesterov else lr * accum)
    return var, accum


def momentum_kept(
    kept: Any = 1.0, moved: Any = 0.0, *, lr: Any, momentum: Any, use_nesterov: bool = False
) -> tuple[Any, Any]:
    kept = momentum * kept
    return kept, moved + lr * kept * (momentum if use_nesterov else 1)


@idle(momentum, kept=momentum_kept)
def momentum_idle(var: Any, accum: Any, *, kept: Any, moved: Any) -> tuple[Any, Any]:
    return var - moved * accum, kept * accum


def keras_momentum(
    var: Any, accum: Any, grad: Any, *, lr: Any, momentum: Any, use_nesterov: bool = False
) -> tuple[Any, Any]:
    r"""Momentum with the step size inside the accumulator, as Keras has it.

    .. math::
        accum &= \mu\, accum - lr\, g \\
        w &= w + accum

    With ``use_nesterov``, :math:`\mu\, accum - lr\, g` takes the place of :math:`accum` in the last line.

    Args:
        var: the weights w, any shape.
        accum: the decaying sum of the steps, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of ``accum`` a step keeps, :math:`\mu`.
        use_nesterov: look one step ahead along the sum.

    Returns:
        The new ``(var, accum)``.

    Source: ``tf.raw_ops.ResourceApplyKerasMomentum``; ``mindspore.ops.ApplyKerasMomentum``.

    >>> var, accum = keras_momentum(1.0, -0.05, 0.3, lr=0.1, momentum=0.8)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.93, -0.07)
    """
    accum = momentum * accum - lr * grad
    var = var + (momentum * accum - lr * grad if use_nesterov else accum)
    return var, accum


def keras_kept(kept: Any = 1.0, moved: Any = 0.0, *, momentum: Any, use_nesterov: bool = False) -> tuple[Any, Any]:
    # The step size is in the accumulator already.
    return momentum_kept(kept, moved, lr=-1.0, momentum=momentum, use_nesterov=use_nesterov)


idle(keras_momentum, kept=keras_kept)(momentum_idle)


def sgd(
    var: Any,
    accum: Any,
    stat: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    dampening: Any = 0.0,
    weight_decay: Any = 0.0,
    nesterov: bool = False,
) -> tuple[Any, Any, Any]:
    r"""SGD as MindSpore and PyTorch compute it: the first gradient of an element enters its sum in full.

    .. math::
        g &= g + \lambda w \\
        accum &= \begin{cases} g & stat > 0 \\ \mu\, accum + (1 - d) g & stat \le 0 \end{cases} \\
        w &= w - lr\, accum

    Then ``stat`` is 0 where it was positive. With ``nesterov``, :math:`g + \mu\, accum` takes the place of
    :math:`accum` in the last line. With a momentum of 0 the step is :math:`lr\, g`, and both states stay.

    Args:
        var: the weights w, any shape.
        accum: the decaying sum of the gradients, of the shape of ``var``.
        stat: positive where no gradient was seen so far, of the shape of ``var``; starts at 1.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of ``accum`` a step keeps, :math:`\mu`, not negative.
        dampening: how much of a later gradient is left out of ``accum``, d.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        nesterov: look one step ahead along the sum.

    Returns:
        The new ``(var, accum, stat)``.

    Source: ``mindspore.ops.SGD``; ``torch.optim.SGD``.

    >>> var, accum, stat = sgd(1.0, 0.5, 0.0, 0.3, lr=0.1, momentum=0.8, dampening=0.5)
    >>> round(float(var), 6), round(float(accum), 6), float(stat)
    (0.945, 0.55, 0.0)
    """
    grad = grad + weight_decay * var
    moved = where(stat > 0, grad, momentum * accum + (1 - dampening) * grad)
    var = var - lr * where(momentum <= 0, grad, grad + momentum * moved if nesterov else moved)
    accum = where(momentum <= 0, accum, moved)
    # Adding 0 turns -0 into 0; otherwise LLVM 22 would do so in float16 only.
    stat = where(momentum <= 0, stat, where(stat > 0, 0, stat + 0))
    return var, accum, stat


def sgd_kept(
    kept: Any = 1.0, moved: Any = 0.0, begun: Any = 0.0, *, lr: Any, momentum: Any, nesterov: bool
) -> tuple[Any, Any, Any]:
    new_kept, new_moved = momentum_kept(kept, moved, lr=lr, momentum=momentum, use_nesterov=nesterov)
    idle = momentum <= 0
    return where(idle, kept, new_kept), where(idle, moved, new_moved), where(idle, begun, 1.0)


@idle(sgd, kept=sgd_kept, unless=("weight_decay",))
def sgd_idle(var: Any, accum: Any, stat: Any, *, kept: Any, moved: Any, begun: Any) -> tuple[Any, Any, Any]:
    # An element without a gradient so far starts with a zero gradient.
    first = stat > 0
    var = var - where(first, 0, moved * accum)
    accum = where(first, (1 - begun) * accum, kept * accum)
    return var, accum, where(first & (begun > 0), 0, stat)


def torch_sgd(
    var: Any,
    momentum_buffer: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any = 0.0,
    dampening: Any = 0.0,
    weight_decay: Any = 0.0,
    nesterov: bool = False,
    use_momentum: bool = True,
) -> tuple[Any, Any]:
    r"""SGD as PyTorch computes it, one step after another.

    .. math::
        g &= g + \lambda w \\
        buffer &= \mu\, buffer + (1 - d) g \\
        w &= w - lr\, buffer

    With ``nesterov``, :math:`g + \mu\, buffer` takes the place of :math:`buffer` in the last line. Without
    ``use_momentum`` g does, and ``momentum_buffer`` is neither used nor changed. The first gradient enters the buffer
    in full if the caller passes a ``dampening`` of 0 with it.

    Args:
        var: the weights w, any shape.
        momentum_buffer: the decaying sum of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of ``momentum_buffer`` a step keeps, :math:`\mu`.
        dampening: how much of the gradient is left out of ``momentum_buffer``, d.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        nesterov: look one step ahead along the sum.
        use_momentum: keep the sum.

    Returns:
        The new ``(var, momentum_buffer)``.

    Source: ``torch.optim.SGD``.

    >>> var, buffer = torch_sgd(1.0, 0.5, 0.3, lr=0.1, momentum=0.8, dampening=0.5)
    >>> round(float(var), 6), round(float(buffer), 6)
    (0.945, 0.55)
    """
    grad = grad + weight_decay * var
    if use_momentum:
        momentum_buffer = momentum * momentum_buffer + (1 - dampening) * grad
        grad = grad + momentum * momentum_buffer if nesterov else momentum_buffer
    return var - lr * grad, momentum_buffer


def torch_sgd_kept(kept: Any = 1.0, moved: Any = 0.0, *, lr: Any, momentum: Any, nesterov: bool) -> tuple[Any, Any]:
    return momentum_kept(kept, moved, lr=lr, momentum=momentum, use_nesterov=nesterov)


@idle(torch_sgd, kept=torch_sgd_kept, unless=("weight_decay",))
def torch_sgd_idle(
    var: Any, momentum_buffer: Any, *, kept: Any, moved: Any, use_momentum: bool = True
) -> tuple[Any, Any]:
    if use_momentum:
        var = var - moved * momentum_buffer
        momentum_buffer = kept * momentum_buffer
    return var, momentum_buffer


def weight_scale_momentum(
    var: Any,
    accum: Any,
    grad: Any,
    *,
    lr: Any,
    momentum: Any,
    weight_decay: Any,
    loss_scale: Any,
) -> tuple[Any, Any]:
    r"""Momentum with weight decay, and a scale for the gradient and the decay together.

    .. math::
        accum &= \mu\, accum + s (g + \lambda w) \\
        w &= w - lr\, accum

    Args:
        var: the weights w, any shape.
        accum: the decaying sum of the gradients, of the shape of ``var``; starts at 0.
        grad: the gradient g, of the shape of ``var``.
        lr: the step size.
        momentum: how much of ``accum`` a step keeps, :math:`\mu`.
        weight_decay: the strength of the l2 penalty, :math:`\lambda`.
        loss_scale: the factor of gradient and penalty, s: one over the factor of the loss.

    Returns:
        The new ``(var, accum)``.

    Source: ``mindspore.ops.FusedWeightScaleApplyMomentum``.

    >>> var, accum = weight_scale_momentum(1.0, 0.5, 0.5, lr=0.1, momentum=0.8, weight_decay=0.1, loss_scale=0.5)
    >>> round(float(var), 6), round(float(accum), 6)
    (0.93, 0.7)
    """
    accum = momentum * accum + loss_scale * (grad + weight_decay * var)
    var = var - lr * accum
    return var, accum


idle(weight_scale_momentum, kept=momentum_kept, unless=("weight_decay",))(momentum_idle)
