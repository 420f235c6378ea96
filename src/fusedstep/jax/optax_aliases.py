"""The arguments of optax' aliases: which rule computes an alias, and with which scalars.

Each function here has the name and the arguments of an alias of optax, and returns a transformation with its results.
``options`` are those of ``transformation``: ``initial``, ``state_dtype`` and ``maximize``.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import optax

from .. import rules
from .optax_adafactor import adafactor
from .transformation import build_transformation

Made: TypeAlias = optax.GradientTransformationExtraArgs


def adadelta(
    learning_rate: Any = None,
    rho: Any = 0.9,
    eps: Any = 1e-6,
    weight_decay: Any = 0.0,
    weight_decay_mask: Any = None,
    **options: Any,
) -> Made:
    # Without a learning rate optax does not negate the update.
    scalars = {"lr": -1.0 if learning_rate is None else learning_rate, "rho": rho, "epsilon": eps}
    return made("adadelta", rules.torch_adadelta, scalars, options, decay=(weight_decay, weight_decay_mask))


def adagrad(learning_rate: Any, initial_accumulator_value: Any = 0.1, eps: Any = 1e-7, **options: Any) -> Made:
    # The root is of the sum and eps, so that the sum may start with it.
    options["initial"] = {"accum": initial_accumulator_value + eps} | dict(options.get("initial") or {})
    return made("adagrad", rules.adagrad, {"lr": learning_rate, "epsilon": 0.0}, options)


def adam(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = False,
    **options: Any,
) -> Made:
    scalars = adam_scalars(learning_rate, b1, b2, eps, eps_root) | {"nesterov": nesterov}
    return made("adam", rules.optax_adam, scalars, options, types={"m": mu_dtype})


def adamax(learning_rate: Any, b1: Any = 0.9, b2: Any = 0.999, eps: Any = 1e-8, **options: Any) -> Made:
    scalars = {"lr": learning_rate, "beta1": b1, "beta2": b2, "epsilon": eps}
    return made("adamax", rules.torch_adamax, scalars, options)


def adamw(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    weight_decay: Any = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = False,
    **options: Any,
) -> Made:
    scalars = adam_scalars(learning_rate, b1, b2, eps, eps_root) | {"nesterov": nesterov}
    return made("adamw", rules.optax_adam, scalars, options, types={"m": mu_dtype}, decay=(weight_decay, mask))


def amsgrad(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    bias_correction_mu: bool = True,
    bias_correction_nu: bool = True,
    **options: Any,
) -> Made:
    scalars = adam_scalars(learning_rate, b1, b2, eps, eps_root) | {"amsgrad": True}
    corrected = {"beta1_power": bias_correction_mu, "beta2_power": bias_correction_nu}
    scalars |= {name: 0.0 for name, wanted in corrected.items() if not wanted}
    return made("amsgrad", rules.optax_adam, scalars, options, types={"m": mu_dtype})


def lamb(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-6,
    eps_root: Any = 0.0,
    weight_decay: Any = 0.0,
    mask: Any = None,
    **options: Any,
) -> Made:
    scalars = adam_scalars(learning_rate, b1, b2, eps, eps_root)
    return made("lamb", rules.optax_lamb, scalars, options, decay=(weight_decay, mask))


def lars(
    learning_rate: Any,
    weight_decay: Any = 0.0,
    weight_decay_mask: Any = True,
    trust_coefficient: Any = 0.001,
    eps: Any = 0.0,
    trust_ratio_mask: Any = True,
    momentum: Any = 0.9,
    nesterov: bool = False,
    **options: Any,
) -> Made:
    scalars = {"lr": learning_rate, "momentum": momentum, "nesterov": nesterov, "epsilon": eps}
    masks = {"coefficient": trust_ratio_mask}
    return made(
        "lars",
        rules.optax_lars,
        scalars | {"coefficient": trust_coefficient},
        options,
        decay=(weight_decay, weight_decay_mask),
        masks=masks,
    )


def lion(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.99,
    mu_dtype: Any = None,
    weight_decay: Any = 1e-3,
    mask: Any = None,
    **options: Any,
) -> Made:
    scalars = {"lr": learning_rate, "beta1": b1, "beta2": b2}
    return made("lion", rules.lion, scalars, options, types={"m": mu_dtype}, decay=(weight_decay, mask))


def nadam(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    *,
    nesterov: bool = True,
    **options: Any,
) -> Made:
    return adam(learning_rate, b1, b2, eps, eps_root, mu_dtype, nesterov=nesterov, **options)


def nadamw(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    mu_dtype: Any = None,
    weight_decay: Any = 1e-4,
    mask: Any = None,
    *,
    nesterov: bool = True,
    **options: Any,
) -> Made:
    return adamw(learning_rate, b1, b2, eps, eps_root, mu_dtype, weight_decay, mask, nesterov=nesterov, **options)


def radam(
    learning_rate: Any,
    b1: Any = 0.9,
    b2: Any = 0.999,
    eps: Any = 1e-8,
    eps_root: Any = 0.0,
    threshold: Any = 5.0,
    *,
    nesterov: bool = False,
    **options: Any,
) -> Made:
    scalars = adam_scalars(learning_rate, b1, b2, eps, eps_root) | {"threshold": threshold, "nesterov": nesterov}
    return made("radam", rules.optax_radam, scalars, options)


def rmsprop(
    learning_rate: Any,
    decay: Any = 0.9,
    eps: Any = 1e-8,
    initial_scale: Any = 0.0,
    eps_in_sqrt: bool = True,
    centered: bool = False,
    momentum: Any = None,
    nesterov: bool = False,
    bias_correction: bool = False,
    **options: Any,
) -> Made:
    scalars = {"lr": learning_rate, "rho": decay, "epsilon": eps, "rho_power": None if bias_correction else 0.0}
    switches = {"centered": centered, "epsilon_in_root": eps_in_sqrt, "nesterov": nesterov}
    options["initial"] = {"mean_square": initial_scale} | dict(options.get("initial") or {})
    return made("rmsprop", rules.optax_rmsprop, scalars | switches | with_momentum(momentum), options)


def sgd(
    learning_rate: Any, momentum: Any = None, nesterov: bool = False, accumulator_dtype: Any = None, **options: Any
) -> Made:
    scalars = {"lr": learning_rate, "nesterov": nesterov} | with_momentum(momentum)
    return made("sgd", rules.torch_sgd, scalars, options, types={"momentum_buffer": accumulator_dtype})


def adam_scalars(learning_rate: Any, b1: Any, b2: Any, eps: Any, eps_root: Any) -> dict[str, Any]:
    """The scalars of the rules of Adam's family."""
    return {"lr": learning_rate, "beta1": b1, "beta2": b2, "epsilon": eps, "epsilon_root": eps_root}


def with_momentum(momentum: Any) -> dict[str, Any]:
    """The scalar and the switch of a momentum, which is None where there is no state for it."""
    return {"momentum": 0.0 if momentum is None else momentum, "use_momentum": momentum is not None}


def made(
    name: str,
    rule: Callable[..., Any],
    scalars: dict[str, Any],
    options: dict[str, Any],
    *,
    types: dict[str, Any] | None = None,
    decay: tuple[Any, Any] | None = None,
    masks: dict[str, Any] | None = None,
) -> Made:
    """The transformation of a rule.

    Args:
        name: what messages call it.
        rule: the rule.
        scalars: its scalars and switches.
        options: the options of ``transformation``.
        types: the types of single states.
        decay: the weight decay, and its mask.
        masks: by the name of a scalar, for which parameters it is 0.
    """
    masks = dict(masks or {})
    if decay is not None:
        scalars, masks = scalars | {"weight_decay": decay[0]}, masks | {"weight_decay": decay[1]}
    given = {key: value for key, value in masks.items() if value is not None and value is not True}
    known = {key: options.pop(key) for key in ("initial", "state_dtype") if key in options}
    return build_transformation(rule, scalars | options, own_types=types, masks=given, name=name, **known)


ALIASES: dict[str, Callable[..., Made]] = {
    each.__name__: each
    for each in (
        adadelta,
        adafactor,
        adagrad,
        adam,
        adamax,
        adamw,
        amsgrad,
        lamb,
        lars,
        lion,
        nadam,
        nadamw,
        radam,
        rmsprop,
        sgd,
    )
}
