"""Checks of settings: what passes, what is refused, and what the sentence says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fusedstep.mindspore.nn import checks


@pytest.mark.parametrize(
    ("check", "good"),
    [
        (checks.check_float, (-1.5, 0.0, np.float64(2))),
        (checks.check_positive_float, (5e-324, np.float64(2))),
        (checks.check_non_negative_float, (0.0, 1.5)),
        (checks.check_positive_int, (1, 2**70)),
        (checks.check_bool, (True, False)),
    ],
)
def test_good_settings_pass(check: Callable[..., None], good: tuple[Any, ...]) -> None:
    check("Owner", **{f"setting{place}": value for place, value in enumerate(good)})
    with pytest.raises(TypeError, match=r"^Owner: last is None, of type NoneType, expected"):
        check("Owner", first=good[0], last=None)


@pytest.mark.parametrize(
    ("check", "value", "error", "says"),
    [
        (checks.check_float, 2, TypeError, "is 2, of type int, expected a float; write 2.0"),
        (checks.check_float, True, TypeError, "is True, of type bool, expected a float"),
        (checks.check_positive_float, float("inf"), ValueError, "is inf, expected a finite float"),
        (checks.check_positive_float, 0.0, ValueError, "is 0.0, expected a float above 0"),
        (checks.check_non_negative_float, -1.0, ValueError, "is -1.0, expected a float, 0 or above"),
        (checks.check_positive_int, True, TypeError, "is True, of type bool, expected an int"),
        (checks.check_positive_int, 0, ValueError, "is 0, expected an int above 0"),
        (checks.check_bool, 1, TypeError, "is 1, of type int, expected True or False"),
    ],
)
def test_a_refusal_says_what_came_and_what_was_expected(
    check: Callable[..., None], value: Any, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=f"^Owner: setting {says}$"):
        check("Owner", setting=value)
