"""Checks of settings by type and range, with MindSpore's types of errors."""

import math
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
        TypeError: a setting is not an int; bools are none.
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
