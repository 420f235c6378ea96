"""Checks of settings by type and range, with MindSpore's types of errors."""

import math
from collections.abc import Iterable
from typing import Any


def check_float(owner: str, **settings: Any) -> None:
    """Check that settings are finite floats.

    Raises:
        TypeError: a setting is not a float.
        ValueError: a setting is infinite or NaN.

    >>> check_float("warmup_lr", learning_rate=1)
    Traceback (most recent call last):
        ...
    TypeError: warmup_lr: learning_rate is 1, of type int, expected a float; write 1.0
    """
    for name, value in settings.items():
        if not isinstance(value, float):
            remedy = f"; write {float(value)}" if type(value) is int else ""
            raise TypeError(f"{owner}: {name} is {value!r}, of type {type(value).__name__}, expected a float{remedy}")
        if not math.isfinite(value):
            raise ValueError(f"{owner}: {name} is {value!r}, expected a finite float")


def check_positive_float(owner: str, **settings: Any) -> None:
    """Check that settings are finite floats above 0.

    Raises:
        TypeError: a setting is not a float.
        ValueError: a setting is not above 0, or infinite.
    """
    check_float(owner, **settings)
    for name, value in settings.items():
        if value <= 0:
            raise ValueError(f"{owner}: {name} is {value!r}, expected a float above 0")


def check_non_negative_float(owner: str, **settings: Any) -> None:
    """Check that settings are finite floats, 0 or above.

    Raises:
        TypeError: a setting is not a float.
        ValueError: a setting is below 0, or infinite or NaN.
    """
    check_float(owner, **settings)
    for name, value in settings.items():
        if value < 0:
            raise ValueError(f"{owner}: {name} is {value!r}, expected a float, 0 or above")


def check_positive_int(owner: str, **settings: Any) -> None:
    """Check that settings are ints above 0.

    Raises:
        TypeError: a setting is not an int, or is a bool.
        ValueError: a setting is not above 0.
    """
    for name, value in settings.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{owner}: {name} is {value!r}, of type {type(value).__name__}, expected an int")
        if value <= 0:
            raise ValueError(f"{owner}: {name} is {value!r}, expected an int above 0")


def check_bool(owner: str, **settings: Any) -> None:
    """Check that settings are bools.

    Raises:
        TypeError: a setting is not a bool.
    """
    for name, value in settings.items():
        if not isinstance(value, bool):
            raise TypeError(f"{owner}: {name} is {value!r}, of type {type(value).__name__}, expected True or False")


def check_range_of_rates(owner: str, min_lr: Any, max_lr: Any) -> None:
    """Check the two ends of a cosine decay.

    Raises:
        TypeError: one is not a float.
        ValueError: ``min_lr`` is below 0, or ``max_lr`` is not above it.
    """
    check_non_negative_float(owner, min_lr=min_lr)
    check_positive_float(owner, max_lr=max_lr)
    if min_lr >= max_lr:
        raise ValueError(f"{owner}: max_lr is {max_lr!r}, expected a float above min_lr, which is {min_lr!r}")


def check_between_0_and_1(owner: str, **settings: Any) -> None:
    """Check that settings are floats above 0 and below 1.

    Raises:
        TypeError: a setting is not a float.
        ValueError: a setting is out of this range.
    """
    check_float(owner, **settings)
    for name, value in settings.items():
        if not 0 < value < 1:
            raise ValueError(f"{owner}: {name} is {value!r}, expected a float above 0 and below 1")


def check_betas(owner: str, beta1: Any, beta2: Any, eps: Any) -> None:
    """Check the settings of Adam and its relatives.

    Raises:
        TypeError, ValueError: one is invalid.
    """
    check_between_0_and_1(owner, beta1=beta1, beta2=beta2)
    check_positive_float(owner, eps=eps)


def check_of_step(owner: str, setting: str, values: Iterable[float]) -> None:
    """Check a setting in a step: a list, a tensor or a cell may give any number.

    Raises:
        ValueError: a value is below 0, infinite or NaN.
    """
    for value in values:
        if not 0 <= value < math.inf:
            raise ValueError(f"{owner}: {setting} of this step is {value!r}, expected a finite number, 0 or above")


def check_target(owner: str, value: Any) -> str:
    """Check the device that steps shall run on.

    Raises:
        TypeError, ValueError: it is not "CPU".
    """
    if not isinstance(value, str):
        raise TypeError(f"{owner}: target is of type {type(value).__name__}, expected 'CPU'")
    if value != "CPU":
        raise ValueError(f"{owner}: target is {value!r}, expected 'CPU': steps run on the CPU only")
    return value
