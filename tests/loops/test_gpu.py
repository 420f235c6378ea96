"""Every rule on every loop in every storage type on a device, or in Triton's interpreter, as in ``test_rules``.

What is bit for bit on the CPU is so here. ``power``, ``exp`` and ``log`` are fusedstep's own in float32; rows that
have them say in ``inexact`` how far they may be.
"""

from collections.abc import Iterator
from typing import Any

import pytest

import fusedstep as fs
from tests import reference
from tests.devices import LONG_INTERPRETED, on_device, on_host
from tests.rules.test_rules import (
    FLOAT64,
    LOOPS,
    RULES,
    STORAGES,
    Row,
    Storage,
    assert_near,
    exact_words,
    inputs,
    momentum,
)

pytestmark = pytest.mark.gpu


def interpreted(row: Row, number: int, storage: Storage, loop: str) -> bool:
    """Whether the interpreter, too, sees a rule in each run.

    Loops and types do not depend on the rule: a few go through all of them. The text of a rule depends on the compute
    type, and is the same in each loop.
    """
    if row.rule in (exact_words, fs.rules.ftrl) and not number:
        return True
    if number:
        return (storage.var, loop) == ("float64", "dense")
    return (storage.var, loop) in (("float64", "dense"), ("float32", "touched"), ("bfloat16", "dense"))


def table() -> Iterator[Any]:
    """Every rule and setting of its switches in every storage type, densely and by rows."""
    for row in RULES:
        for number, switches in enumerate(row.settings):
            for storage in STORAGES:
                for loop in LOOPS:
                    # Mixtures of types do not depend on the rule: the cheap rule goes through all of them.
                    short = row.rule is momentum or (not storage.mixed and (not number or loop == "dense"))
                    on = [name for name, value in switches.items() if value != row.settings[0][name]]
                    name = "-".join([row.rule.__name__, *on, storage.name, loop])
                    marks = () if row.rule is momentum or interpreted(row, number, storage, loop) else LONG_INTERPRETED
                    marks = marks if short else pytest.mark.long
                    yield pytest.param(row, switches, storage, loop, id=name, marks=marks)


@pytest.mark.parametrize(("row", "switches", "storage", "loop"), list(table()))
def test_rule_on_device(row: Row, switches: dict[str, bool], storage: Storage, loop: str, device: str) -> None:
    states, grad, indices = inputs(row, storage, loop)
    operator = fs.Operator(row.rule, **switches)
    rows = LOOPS[loop] or "touched"
    for branch in ({}, *row.branches):
        scalars = row.scalars | branch
        unrounded = reference.compute_type(states[0]) if storage.var in row.inexact else None
        expected = reference.step(row.rule, states, grad, indices, rows, scalars, switches, unrounded)
        exact = reference.step(row.rule, states, grad, indices, rows, scalars, switches, FLOAT64)
        given = [on_device(state) for state in states]
        named = None if indices is None else on_device(indices)
        operator(*given, on_device(grad), named, rows=rows, **scalars)
        for name, before, tensor, want, near in zip(row.states, states, given, expected, exact, strict=True):
            what, got = f"{name}, {branch}", on_host(tensor, before.dtype)
            if unrounded:
                unit = 2.0 ** (-53 if storage.var == "float64" else -24)
                assert_near(before, got, want.astype(FLOAT64), row.inexact[storage.var] * unit, what)
            else:
                reference.assert_same_bits(got, want, what)
            assert_near(before, got, near, row.ulps * 2.0**-24, what)
