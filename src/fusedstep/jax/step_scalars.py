"""The scalars of a step: numbers, schedules, and those that follow from the number of the step."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..codegen.rule.signature import Signature, follows_from_step
from ..operators.operator import Operator
from ..storage import STORAGES
from .scalars import is_array, parse_scalar_array

# Of a rule with these scalars the last three are by default PyTorch's, with this ``momentum_decay``.
SCHEDULED_MOMENTUM = ("beta1", "mu", "mu_next", "mu_product")
MOMENTUM_DECAY = 0.004


def schedules_momentum(signature: Signature) -> bool:
    """Return whether a rule has NAdam's schedule of the momentum."""
    return {*SCHEDULED_MOMENTUM} <= {*signature.scalars}


def extra_scalars(signature: Signature) -> dict[str, float]:
    """The settings that a transformation takes beside the rule's scalars, with their defaults."""
    return {"momentum_decay": MOMENTUM_DECAY} if schedules_momentum(signature) else {}


def has_default(signature: Signature, name: str) -> bool:
    """Return whether a transformation computes a scalar that is not given from the number of the step."""
    if follows_from_step(name, signature.scalars) or base_of(name, "_next", signature) is not None:
        return True
    return base_of(name, "_product", signature) is not None or (name == "mu" and schedules_momentum(signature))


def base_of(name: str, ending: str, signature: Signature) -> str | None:
    """The scalar from which another with an ending to its name follows."""
    base = name.removesuffix(ending)
    return base if name.endswith(ending) and base in signature.scalars else None


def products_of(signature: Signature, scalars: Mapping[str, Any]) -> list[str]:
    """The scalars that are the product of another over all steps, which the state of a transformation keeps."""
    return [
        name
        for name in signature.scalars
        if name not in signature.defaults
        and scalars.get(name) is None
        and base_of(name, "_product", signature) is not None
    ]


def scalars_at(
    operator: Operator, scalars: Mapping[str, Any], count: jax.Array | None, products: Mapping[str, jax.Array]
) -> dict[str, Any]:
    """The scalars of the step after ``count`` steps. Without a count, scalars that depend on it are 0.

    Args:
        operator: the operator.
        scalars: the given scalars and schedules.
        count: the number of steps taken.
        products: the products over the steps so far.
    """
    signature = operator.signature
    given = {name: value for name, value in scalars.items() if value is not None}
    decay = given.pop("momentum_decay", MOMENTUM_DECAY) if schedules_momentum(signature) else None
    found = {name: value_at(value, count) for name, value in given.items()}
    for name in signature.scalars:
        if name in found or name in signature.defaults:
            continue
        if follows_from_step(name, found):
            found[name] = 0.0 if count is None else step_scalar(operator, name, found, count)
        elif name == "mu" and decay is not None and "beta1" in found:
            found[name] = momentum_at(operator, found["beta1"], value_at(decay, count), count)
        elif (base := base_of(name, "_next", signature)) in found:
            later = None if count is None else count + 1
            if base in given:
                found[name] = value_at(given[base], later)
            else:
                found[name] = momentum_at(operator, found["beta1"], value_at(decay, count), later)
        elif (base := base_of(name, "_product", signature)) in found:
            found[name] = 0.0 if count is None else next_product(operator, base, products[name], found[base])
    for name, value in found.items():
        check_not_narrow(operator.name, name, value)
    return found


def value_at(value: Any, count: jax.Array | None) -> Any:
    """The value of a scalar or of a schedule after some steps."""
    if callable(value) and not is_array(value):
        return 0.0 if count is None else value(count)
    return value


def check_not_narrow(operator: str, name: str, value: Any) -> None:
    """Refuse scalars of a narrow type, in which 0.999 may be 1 and 1e-8 may be 0.

    Raises:
        TypeError: the type of the scalar is narrow.
    """
    storage = STORAGES.get(str(value.dtype)) if is_array(value) else None
    if storage and storage.is_narrow:
        raise TypeError(
            f"{operator}: {name} holds {value.dtype}, expected float32: {storage.bits} bits are too few for scalars; "
            f'pass hyperparam_dtype="float32" to optax.inject_hyperparams, or convert the scalar: .astype("float32")'
        )


def step_scalar(operator: Operator, name: str, found: Mapping[str, Any], count: jax.Array) -> jax.Array:
    """A scalar that depends on the number of the step: ``step`` or a power, in float64."""
    with jax.enable_x64(True):
        step = jnp.asarray(count, "float64") + 1
        if name == "step":
            return step
        base = name.removesuffix("_power")
        return jnp.power(in_float64(operator, base, found[base]), step)


def momentum_at(operator: Operator, beta1: Any, decay: Any, count: jax.Array | None) -> Any:
    """The momentum of PyTorch's NAdam at the step after ``count`` steps, in float64."""
    if count is None:
        return 0.0
    with jax.enable_x64(True):
        step = jnp.asarray(count, "float64") + 1
        power = step * in_float64(operator, "momentum_decay", decay)
        return in_float64(operator, "beta1", beta1) * (1 - 0.5 * jnp.power(jnp.asarray(0.96, "float64"), power))


def next_product(operator: Operator, name: str, product: jax.Array, factor: Any) -> jax.Array:
    """The product of a scalar over the steps so far times its value at this step, in float64."""
    with jax.enable_x64(True):
        return in_float64(operator, f"{name}_product", product) * in_float64(operator, name, factor)


def in_float64(operator: Operator, name: str, value: Any) -> jax.Array:
    """A number or an array of one number as a float64 array without dimensions."""
    number = parse_scalar_array(operator.name, name, value) if is_array(value) else np.float64(value)
    return jnp.asarray(number, "float64")
