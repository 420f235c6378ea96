"""Whether the change of the variable depends on its value."""

from typing import Any

import pytest

import fusedstep as fs
from fusedstep.codegen.rule.change import depends_on_variable
from fusedstep.words import row_mean, sign, where


def free(var: Any, m: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    m = m + grad
    step = lr * m
    return 0.5 - 0.25 + var - step - 1, m


def from_the_right(var: Any, grad: Any, *, lr: Any) -> Any:
    kept = var
    return -lr * grad + kept


def by_helper(var: Any, grad: Any, *, lr: Any) -> Any:
    return moved(var, lr * row_mean(grad))


def moved(var: Any, by: Any) -> Any:
    return var - by


def decayed(var: Any, grad: Any, *, lr: Any, decay: Any) -> Any:
    return (1 - lr * decay) * var - lr * (grad + decay * sign(var))


def scaled(var: Any, grad: Any, *, lr: Any) -> Any:
    return 0.5 * var - lr * grad


def subtracted_from(var: Any, grad: Any, *, lr: Any) -> Any:
    return lr * grad - var


def by_norm(var: Any, grad: Any, *, lr: Any) -> Any:
    return var - lr * row_mean(var) * grad


def in_a_state(var: Any, before: Any, grad: Any, *, lr: Any) -> tuple[Any, Any]:
    return var - lr * grad, before + var


def kept_where(var: Any, grad: Any, *, lr: Any) -> Any:
    return where(grad == 0, var, var - lr * grad)


@pytest.mark.parametrize(
    ("rule", "known", "depends"),
    [
        (free, {}, False),
        (from_the_right, {}, False),
        (by_helper, {}, False),
        (decayed, {}, True),
        (decayed, {"decay": 0.0}, False),
        (decayed, {"decay": 1e-9, "lr": 0.1}, True),
        (scaled, {}, True),
        (subtracted_from, {}, True),
        (by_norm, {}, True),
        (in_a_state, {}, True),
        (kept_where, {}, True),
        (fs.rules.adam, {}, False),
        (fs.rules.torch_adam, {}, True),
        (fs.rules.torch_adam, {"weight_decay": 0.0}, False),
        (fs.rules.adamw, {"weight_decay": 0.0}, False),
        (fs.rules.lamb, {"decay": 0.0}, True),
        (fs.rules.ftrl_proximal, {"l1": 0.0, "l2": 0.0}, True),
    ],
)
def test_change_depends_on_variable(rule: Any, known: dict[str, float], depends: bool) -> None:
    assert depends_on_variable(fs.Operator(rule).spec.program, known) == depends
