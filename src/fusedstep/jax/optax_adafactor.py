"""optax' Adafactor: which parameters are factored, and along which dimensions."""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from .. import rules
from .masks import is_none
from .transformation import build_transformation

# The least root mean square of a parameter that scales steps.
LEAST_SCALE = 1e-3


def adafactor(
    learning_rate: Any = None,
    min_dim_size_to_factor: int = 128,
    decay_rate: Any = 0.8,
    decay_offset: Any = 0,
    multiply_by_parameter_scale: bool = True,
    clipping_threshold: Any = 1.0,
    momentum: Any = None,
    dtype_momentum: Any = jnp.float32,
    weight_decay_rate: Any = None,
    eps: Any = 1e-30,
    factored: bool = True,
    weight_decay_mask: Any = None,
    **options: Any,
) -> optax.GradientTransformationExtraArgs:
    def beta2(count: jax.Array) -> jax.Array:
        return 1 - jnp.asarray(count - decay_offset + 1, float) ** -decay_rate

    def label_of(leaf: Any) -> str | None:
        if leaf is None:
            return None
        return "factored" if factored and factored_axes(jnp.shape(leaf), min_dim_size_to_factor) else "whole"

    scalars = {
        "lr": 1.0 if learning_rate is None else learning_rate,
        "beta1": 0.0 if momentum is None else momentum,
        "beta2": beta2,
        "epsilon1": eps,
        "epsilon2": LEAST_SCALE,
        "clip_threshold": math.inf if clipping_threshold is None else clipping_threshold,
        "scale_parameter": multiply_by_parameter_scale,
        "first_moment": momentum is not None,
        "decay_weights": False,
    }
    known = {key: options.pop(key) for key in ("initial", "state_dtype") if key in options}
    by_label = {
        label: build_transformation(
            rules.adafactor,
            scalars | options | {"factored": label == "factored"},
            own_types={"exp_avg": dtype_momentum},
            name="adafactor",
            **known,
        )
        for label in ("factored", "whole")
    }
    by_label["factored"] = with_factored_axes_last(by_label["factored"], min_dim_size_to_factor)
    step = optax.partition(by_label, lambda tree: jax.tree.map(label_of, tree, is_leaf=is_none))
    if weight_decay_rate is None:
        return step
    return optax.chain(step, optax.add_decayed_weights(negated(weight_decay_rate), weight_decay_mask))


def negated(scalar: Any) -> Any:
    """A number or schedule with the opposite sign."""
    return (lambda count: -scalar(count)) if callable(scalar) else -scalar


def factored_axes(shape: tuple[int, ...], least: int) -> tuple[int, int] | None:
    """The two longest dimensions, the longest last; None if there are none of a least length."""
    if len(shape) < 2:
        return None
    *_, second, longest = np.argsort(shape)
    return None if shape[second] < least else (int(second), int(longest))


def axes_to_move(leaf: Any, least: int) -> tuple[int, int] | None:
    """The two longest dimensions of a factored parameter; None if they are the last two."""
    axes = factored_axes(leaf.shape, least)
    assert axes is not None
    return None if {*axes} == {leaf.ndim - 2, leaf.ndim - 1} else axes


def with_factored_axes_last(
    inner: optax.GradientTransformationExtraArgs, least: int
) -> optax.GradientTransformationExtraArgs:
    """A transformation of matrices that sees the two longest dimensions of a parameter as the last two."""

    def moved(leaf: Any) -> Any:
        axes = axes_to_move(leaf, least)
        if axes is None:
            return leaf
        move = partial(jnp.moveaxis, source=axes, destination=(-2, -1))
        return jax.eval_shape(move, leaf) if isinstance(leaf, jax.ShapeDtypeStruct) else move(leaf)

    def moved_back(leaf: Any, like: Any) -> Any:
        axes = axes_to_move(like, least)
        return leaf if axes is None else jnp.moveaxis(leaf, (-2, -1), axes)

    def init(params: Any) -> Any:
        return inner.init(jax.tree.map(moved, params))

    def update(updates: Any, state: Any, params: Any = None, **extra: Any) -> tuple[Any, Any]:
        given = None if params is None else jax.tree.map(moved, params)
        changes, state = inner.update(jax.tree.map(moved, updates), state, given, **extra)
        return jax.tree.map(moved_back, changes, updates), state

    return optax.GradientTransformationExtraArgs(init, update)
