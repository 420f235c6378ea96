"""Rules with what an optimizer does to a gradient first: weight decay, then the division by the scale of the loss."""

from collections.abc import Callable
from functools import cache
from typing import Any

from ....codegen.rule.signature import Signature, read_signature
from ....codegen.rule.spec import spec_of
from ....codegen.rule.text import rule_of
from ....operators.checks.options import parse_switches
from ....operators.labels import Labels, Options
from ....operators.operator import Operator

# No rule has arguments of these names.
TEXT = """
from fusedstep.rules import {name} as stepped

def with_gradient_terms({annotated}, grad, *, {scalars}l2_decay=0.0, loss_scale_inverse=1.0, decays: bool = False,
                        scales: bool = False{switches}):
    grad = grad + l2_decay * {variable} if decays else grad
    grad = loss_scale_inverse * grad if scales else grad
    return stepped({states}, grad{passed})
"""


@cache
def with_gradient_terms(rule: Callable[..., Any]) -> Callable[..., Any]:
    r"""A rule that decays and scales its gradient in the same pass over memory.

    .. math:: g = s (g + \lambda w)

    The first term is used with the switch ``decays``, the factor with ``scales``.

    Args:
        rule: one of ``fusedstep.rules``.

    >>> from fusedstep.rules import gradient_descent
    >>> float(with_gradient_terms(gradient_descent)(1.0, 0.5, lr=1.0, l2_decay=0.25, decays=True))
    0.25
    """
    signature = read_signature(rule)
    scalars = [
        f"{name}={signature.defaults[name]!r}" if name in signature.defaults else name for name in signature.scalars
    ]
    named = (*signature.scalars, *signature.switches)
    text = TEXT.format(
        name=rule.__name__,
        states=", ".join(signature.states),
        annotated=", ".join(f"{name}{kind(signature, name)}" for name in signature.states),
        variable=signature.states[0],
        scalars="".join(f"{each}, " for each in scalars),
        switches="".join(f", {name}: bool = {default}" for name, default in dict(signature.switches).items()),
        passed="".join(f", {name}={name}" for name in named),
    )
    function: Callable[..., Any] = rule_of(text)
    return function


def kind(signature: Signature, state: str) -> str:
    """The annotation of a state by row or column."""
    return ": PerRow" if state in signature.per_row else ": PerColumn" if state in signature.per_column else ""


def operator_of(name: str, rule: Callable[..., Any], use_locking: bool, switches: dict[str, bool]) -> Operator:
    """The operator of a rule that messages call by an optimizer's name."""
    signature = read_signature(rule)
    given = parse_switches(name, signature.switches, switches, False)
    labels = Labels(name, signature.states, "grads")
    return Operator.from_spec(rule, spec_of(rule, given), labels, Options(use_locking))
