"""TensorFlow's operators; duplicates in sparse gradients are merged before, as its optimizers do."""

from collections.abc import Callable
from functools import partial
from typing import Any

import tensorflow as tf
from libraries import data, settings
from libraries.steps import Step

VERSION = tf.__version__
BETAS = dict(zip(("beta1", "beta2"), settings.BETAS, strict=True))
PROXIMAL = {"lr": settings.LR, "l1": settings.L1, "l2": settings.L2}
# By TensorFlow's name, without the prefix of its sparse and dense forms.
RULES: dict[str, tuple[tuple[str, ...], dict[str, float]]] = {
    "Adam": (
        ("var", "m", "v"),
        {"beta1_power": 0.9, "beta2_power": 0.999, "lr": settings.LR, **BETAS, "epsilon": settings.EPSILON},
    ),
    "AdagradV2": (("var", "accum"), {"lr": settings.LR, "epsilon": settings.EPSILON}),
    "Ftrl": (("var", "accum", "linear"), {**PROXIMAL, "lr_power": settings.LR_POWER}),
    "Momentum": (("var", "accum"), {"lr": settings.LR, "momentum": settings.MOMENTUM}),
    "ProximalAdagrad": (("var", "accum"), PROXIMAL),
    "RMSProp": (
        ("var", "ms", "mom"),
        {"lr": settings.LR, "rho": 0.9, "momentum": settings.MOMENTUM, "epsilon": settings.EPSILON},
    ),
}


def begin(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def bound(apply: Callable[..., Any], size: data.Size, rule: str) -> Callable[..., Any]:
    """Bind an operator to its states and scalars."""
    names, scalars = RULES[rule]
    states = [tf.Variable(data.table(size, seed)) for seed in range(len(names))]
    own = {name: state.handle for name, state in zip(names, states, strict=True)}
    numbers = {name: tf.constant(value, tf.float32) for name, value in scalars.items()}

    # The default argument keeps the variables alive: a handle does not.
    def call(alive: Any = states, **gradient: Any) -> None:
        apply(**own, **numbers, **gradient)

    return call


def dense(size: data.Size, rule: str) -> list[Step]:
    """A dense operator."""
    apply = tf.function(bound(getattr(tf.raw_ops, f"ResourceApply{rule}"), size, rule))
    return [Step(partial(apply, grad=tf.constant(data.table(size, 3))))]


def sparse(size: data.Size, rule: str) -> list[Step]:
    """A sparse operator after merging duplicates: it would take a step for each of them."""
    apply = bound(getattr(tf.raw_ops, f"ResourceSparseApply{rule}"), size, rule)

    @tf.function
    def merged(grad: Any, indices: Any) -> None:
        rows, places = tf.unique(indices)
        apply(grad=tf.math.unsorted_segment_sum(grad, places, tf.size(rows)), indices=rows)

    return [
        Step(partial(merged, tf.constant(gradient), tf.constant(indices))) for indices, gradient in data.batches(size)
    ]
