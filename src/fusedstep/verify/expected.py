"""The expected results of a call, by the operator's rule on NumPy arrays."""

from functools import cache
from typing import Any

import numpy as np

from ..codegen.rule.spec import program_of
from ..operators.catalogue import NamedOperator
from . import reference
from .bounds import UNSIGNED_ZEROS, differs, is_exact, is_far
from .outcome import Mismatch

# Of the rule itself, not of an operator that may run another rule; cached, since thousands of calls need it.
rule_program = cache(program_of)


class Expected:
    """The expected results of a call.

    Args:
        operator: the operator.
        values: the arguments of the call, by name.
    """

    def __init__(self, operator: NamedOperator, values: dict[str, Any]) -> None:
        signature, entry = operator.signature, operator.entry
        scalars = dict(zip(signature.scalars, operator.numbers([values[name] for name in entry.meanings]), strict=True))
        gradient = np.asarray(values[operator.labels.gradient])
        gradient = gradient.astype(gradient.dtype.newbyteorder("="))
        # Created outputs may start with any value; unused states are ignored.
        self.before = {name: np.array(values.get(name, np.zeros_like(gradient))) for name in operator.state_names}
        variable = self.before[operator.state_names[0]]
        switches = dict(operator.switches)
        switches |= {name: decide(variable.ndim) for name, decide in entry.by_rank.items()}
        program = rule_program(operator.rule, tuple(sorted(switches.items())))
        compute = reference.compute_type(variable)
        self.exact = is_exact(program, scalars, compute.name)
        self.signed_zeros = not program.words & UNSIGNED_ZEROS
        self.after = self.before
        if variable.size:
            indices, rows = values.get("indices"), entry.rows or values.get("rows", "touched")
            stepped = reference.step(
                operator.rule,
                [self.with_axis(operator, name) for name in operator.state_names],
                gradient,
                None if indices is None else np.asarray(indices),
                rows,
                scalars,
                switches,
                None if self.exact else np.dtype(np.float64),
            )
            self.after = {
                name: new.reshape(self.before[name].shape)
                for name, new in zip(operator.state_names, stepped, strict=True)
            }

    def with_axis(self, operator: NamedOperator, name: str) -> np.ndarray:
        """A state as the NumPy rule expects it: reduced ones with the missing axis, of length 1."""
        signature, state = operator.signature, self.before[name]
        if self.before[operator.state_names[0]].ndim < 2:
            return state
        meaning = signature.states[operator.state_names.index(name)]
        if meaning in signature.per_row:
            return np.expand_dims(state, -1)
        return np.expand_dims(state, -2) if meaning in signature.per_column else state

    def compare(self, name: str, got: Any) -> None:
        """Compare a state with the expected one."""
        before, expected = self.before[name], self.after[name]
        if got.shape != before.shape or got.dtype != before.dtype:
            raise Mismatch(f"{name} of {got.dtype} {got.shape}", f"{before.dtype} {before.shape}")
        wrong = differs(got, expected, self.signed_zeros) if self.exact else is_far(got, expected, before)
        if wrong.any():
            came, wanted = first_difference(got, expected, wrong)
            raise Mismatch(f"{name}: {came}", wanted)


def first_difference(got: np.ndarray, expected: np.ndarray, different: np.ndarray) -> tuple[str, str]:
    """The actual and the expected element at the first difference of two arrays, in words."""
    place = tuple(int(each[0]) for each in np.nonzero(np.atleast_1d(different)))[: got.ndim]
    where = f"{np.count_nonzero(different)} of {got.size} elements differ; first at {place}: "
    return f"{where}{got[place]!r}", f"{expected[place]!r}"
