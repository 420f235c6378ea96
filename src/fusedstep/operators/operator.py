"""An operator: a rule, run in place on the caller's arrays."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np

from ..arrays.borrow import bump_versions
from ..arrays.devices import on_device
from ..arrays.layout import as_array
from ..codegen.rule.program import Layout, Plan, Program, ReductionScope, layout_of, program_of
from ..codegen.rule.signature import read_signature
from ..rules.idle import ClosedForm, closed_form_of
from ..runtime import locks
from ..runtime.advice import mostly_touched
from ..runtime.cpu import plain_step
from ..runtime.cpu.calls import call_of
from ..runtime.cpu.grouping import prepare_grouping
from ..runtime.cpu.launch import (
    DEFERRED_ROWS,
    LOOPS,
    WHOLE_TENSOR,
    launch_dense,
    launch_every_row,
    launch_touched_rows,
    prepare_loops,
)
from ..runtime.cpu.whole_tensor import launch_whole_tensor
from ..runtime.random_key import key_of
from ..storage import compute_type
from . import checks
from .facts import Facts


class Operator:
    """Runs an update rule of your own, fused and in place, on dense or sparse gradients.

    A rule is a plain function: its positional arguments are the states and then the gradient, its keyword-only ones
    scalars, or switches where annotated ``bool``; it returns the new states (see ``fusedstep.rules``). It is compiled
    when some combination of types first comes, and kept on disk; numbers that it names are read at the first call.

    Args:
        rule: the rule.
        use_locking: whether calls that share memory follow one another, however many threads make them. Without it
            they may interleave; they never crash.
        rounding: how 16-bit states are rounded: to the ``"nearest"``, or ``"stochastic"``: up or down by chance, so
            that they are right in the mean and steps far below the last place are not lost.
        seed: of the stochastic rounding. The same seed and ``step`` give the same bits, whatever the threads.
        maximize: go uphill: the rule is given the gradient with the opposite sign.
        check_indices: whether indices on a device are checked before a step, which waits for the device. Without it
            those that name no row are left out. On the CPU they are always checked.
        **switches: the rule's compile-time switches.

    Raises:
        TypeError: ``rule`` is not a rule, or a switch is not its own or no bool; at the first call, the rule says
            something that cannot be compiled.
        ValueError: ``rounding`` or ``seed`` is invalid.

    >>> import numpy as np
    >>> from fusedstep.words import sign
    >>> def sign_descent(var, momentum, grad, *, lr, beta):
    ...     momentum = beta * momentum + (1 - beta) * grad
    ...     return var - lr * sign(momentum), momentum
    >>> step = Operator(sign_descent)
    >>> var, momentum = np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32)
    >>> grad, indices = np.array([[0.5, -0.5], [0.25, 0.0]], np.float32), np.array([2, 2])
    >>> _ = step(var, momentum, grad, indices, lr=0.125, beta=0.5)
    >>> var.tolist()
    [[1.0, 1.0], [1.0, 1.0], [0.875, 1.125]]
    """

    documented_name = ""

    def __init__(
        self,
        rule: Callable[..., Any],
        *,
        use_locking: bool = False,
        rounding: str = "nearest",
        seed: int = 0,
        maximize: bool = False,
        check_indices: bool = True,
        **switches: bool,
    ) -> None:
        self.signature = read_signature(rule)
        self.rule = rule
        self.name = self.documented_name or self.signature.name
        self.stochastic = checks.rounding(self.name, rounding)
        self.seed = checks.counter(self.name, "seed", seed)
        self.use_locking = checks.flag(self.name, "use_locking", use_locking)
        self.check_indices = checks.flag(self.name, "check_indices", check_indices)
        given = checks.switches(self.name, self.signature.switches, switches)
        uphill = {"maximize": True} if checks.flag(self.name, "maximize", maximize) else {}
        self.switches = tuple(sorted({**dict(given), **uphill}.items()))
        # What a caller calls the states, the gradient, and the variable if it is none of the states.
        self.called = self.signature.states
        self.gradient_name = "grad"
        self.variable_name = ""
        # Whether rows are what the first dimension counts, however many follow; else rules that see rows ask for two.
        self.any_rows = False
        self._program: Program | None = None
        self._layout: Layout | None = None
        self._facts: Facts | None = None
        self._span_functions: dict[tuple[str, ...], Any] = {}
        # What was made of the rule beside, for devices.
        self.kept: dict[tuple[Any, ...], Any] = {}
        self._switched: dict[tuple[tuple[str, bool], ...], Operator] = {}

    def __repr__(self) -> str:
        return f"<fusedstep operator {self.name}>"

    def __reduce__(self) -> Any:
        rounding = "stochastic" if self.stochastic else "nearest"
        options = {"use_locking": self.use_locking, "rounding": rounding, "seed": self.seed}
        return _rebuild, (type(self), self.rule, options | {"check_indices": self.check_indices}, dict(self.switches))

    def __call__(self, *arrays: Any, rows: str = "touched", step: Any = None, **named: Any) -> tuple[Any, ...]:
        """Takes one step.

        Args:
            *arrays: the states, then ``grad``, then, for a sparse gradient, ``indices``; each may be named instead.
                States are updated in place. They have one shape and are float32, float16 and bfloat16 in any
                mixture, or float64. ``grad`` is of the variable's type, or float32 beside a 16-bit variable; its
                shape is that of the states, or with ``indices`` ``(len(indices),) + var.shape[1:]``.
                ``indices`` are integers, in any order; gradients of one row are summed first. States that the rule
                holds one number a row of have shape ``var.shape[:1]``, or that of the plain function,
                ``(len(var), 1)``; a state that its switches leave unused may be None.
            rows: with ``indices``, which rows take the step: the ``"touched"`` ones, or ``"every"`` one, those that
                are not named with a zero gradient.
            step: the number of the step, for stochastic rounding.
            **named: the scalars, as numbers or arrays of one element.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: before anything is changed.
        """
        signature = self.signature
        order = (*signature.states, "grad", "indices")
        if len(arrays) > len(order):
            raise TypeError(f"{self.name}: takes at most {len(order)} arrays ({', '.join(order)}), got {len(arrays)}")
        given = dict(zip(order, arrays, strict=False))
        for name in order:
            if name in named:
                if name in given:
                    raise TypeError(f"{self.name}: {name} is given twice, by position and by name")
                given[name] = named.pop(name)
        if signature.gradient in named and "grad" not in given:
            given["grad"] = named.pop(signature.gradient)
        missing = [name for name in order[:-1] if name not in given]
        if missing:
            raise TypeError(f"{self.name}: {', '.join(missing)} not given; pass {', '.join(order[:-1])}[, indices]")
        checks.rows(self.name, rows)
        if "step" in signature.scalars and step is not None:
            named["step"] = step
        states = [given[name] for name in signature.states]
        return self.step(states, given["grad"], given.get("indices"), rows, self.scalars(named), step)

    def scalars(self, named: Mapping[str, Any]) -> list[float]:
        """The rule's scalars in its order, from values by name."""
        signature = self.signature
        if named.keys() != set(signature.scalars):
            unknown = sorted(named.keys() - set(signature.scalars))
            missing = [name for name in signature.scalars if name not in named and name not in signature.defaults]
            if unknown or missing:
                raise TypeError(
                    f"{self.name}: takes the scalars {', '.join(signature.scalars) or 'none'}"
                    + (f"; missing: {', '.join(missing)}" if missing else "")
                    + (f"; not known: {', '.join(unknown)}" if unknown else "")
                )
            named = {**signature.defaults, **named}
        return [checks.number(self.name, name, named[name]) for name in signature.scalars]

    def step(
        self,
        states: Sequence[Any],
        gradient: Any,
        indices: Any,
        rows: str | None,
        scalars: Sequence[float],
        number: Any = None,
    ) -> tuple[Any, ...]:
        """Checks everything, then runs the kernel. ``rows`` is ignored without ``indices``."""
        # Asked for at each call: a property costs a call of its own.
        facts = self._facts or self.facts
        plan, reach, used, changed, wanted, elementwise = facts
        operator = self.name
        in_use = [states[k] for k in used]
        device = type(in_use[0]) is not np.ndarray and on_device(in_use[0])
        # A call on tiny arrays is all checks: those of plain ones come first.
        if elementwise and not (device or self.stochastic or self.use_locking):
            written = [states[k] for k in changed]
            if indices is None:
                done = plain_step.dense(self, in_use, gradient, scalars, written)
            else:
                done = plain_step.sparse(self, in_use, gradient, indices, rows, scalars, written)
            if done:
                return tuple(states)
        key = key_of(self.seed, checks.counter(operator, "step", number)) if self.stochastic else None
        if device:
            return self.step_on_device(states, gradient, indices, rows, scalars, key)
        checks.no_tensors(operator, self.scalar_names, scalars)
        variable, storages, tables = checks.states(operator, wanted, in_use)
        shape, loop = variable, LOOPS[None]
        if indices is not None:
            snapshot = checks.indices(operator, indices, wanted.names[0], shape)
            shape, loop = (snapshot.size, *shape[1:]), LOOPS[rows]
        flat, storage = checks.gradient(operator, self.gradient_name, gradient, shape, storages[0])
        held = tables
        if reach == ReductionScope.TENSOR:
            checks.no_indices(operator, indices)
            tables, loop = checks.tables_for_sums(operator, wanted, tables, variable, plan), WHOLE_TENSOR
            launch: Callable[[Any], None] = partial(launch_whole_tensor, plan=plan, shape=variable)
        elif indices is None:
            launch = launch_dense
        else:
            groups = checks.group_indices(operator, indices, snapshot, wanted.names[0], tables[0])
            # For what it says: the order of the rows is chosen already.
            mostly_touched(operator, groups.distinct, tables[0].rows)
            launch = partial(launch_touched_rows if rows == "touched" else launch_every_row, groups=groups)
        if not tables[0].array.size:
            return tuple(states)
        announce = partial(bump_versions, [states[k] for k in changed])
        call = call_of(self, loop, storages, tables, flat, storage, scalars, announce, key, held)
        if self.use_locking:
            locks.exclusive(partial(launch, call), [table.table() for table in held], [as_array(call.gradient)])
        else:
            launch(call)
        return tuple(states)

    def step_on_device(
        self,
        states: Sequence[Any],
        gradient: Any,
        indices: Any,
        rows: str | None,
        scalars: Sequence[Any],
        key: int | None,
    ) -> tuple[Any, ...]:
        """The same for tensors on a device, by Triton's kernels.

        Raises:
            ImportError: Triton is not installed.
        """
        from . import device_step as step

        return step.step(self, states, gradient, indices, rows, scalars, key)

    @property
    def facts(self) -> Facts:
        """What the rule asks of a call."""
        if self._facts is None:
            plan, reach, used, wanted = self.wanted()
            changed = [k for k, is_changed in zip(used, wanted.changed, strict=True) if is_changed]
            self._facts = Facts(plan, reach, used, changed, wanted, reach == ReductionScope.ELEMENT)
        return self._facts

    @property
    def scalar_names(self) -> tuple[str, ...]:
        """The names of the rule's scalars."""
        return self.signature.scalars

    def wanted(self) -> tuple[Plan, ReductionScope, list[int], checks.ArraySpec]:
        """What the rule asks of a call: its sums, how far they reach, which states it uses, and of what kinds."""
        kinds, changed, reach, plan, _ = self.layout
        used = [k for k, kind in enumerate(kinds) if kind]
        names = tuple(self.called[k] for k in used)
        rows = (reach == ReductionScope.ROW and not self.any_rows) or (reach == ReductionScope.TENSOR and plan.by_row)
        variable = self.variable_name or names[0]
        used_kinds = tuple(kinds[k] for k in used)
        return plan, reach, used, checks.ArraySpec(names, used_kinds, changed, variable, rows, plan.matrices)

    @property
    def program(self) -> Program:
        """The rule, with its switches set, as statements."""
        if self._program is None:
            self._program = program_of(self.rule, self.switches)
        return self._program

    @property
    def layout(self) -> Layout:
        """What the rule, with its switches, asks of the arrays of a call."""
        if self._layout is None:
            self._layout = layout_of(self.rule, self.program)
        return self._layout

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops that calls may run."""
        return (
            (WHOLE_TENSOR,)
            if self.layout.reduction_scope == ReductionScope.TENSOR
            else (*LOOPS.values(), DEFERRED_ROWS)
        )

    @property
    def closed_form(self) -> ClosedForm | None:
        """The closed form of steps with a gradient of zero, if there is one for the states in use."""
        idle, used = closed_form_of(self.rule), {self.signature.states[k] for k in self.facts.used}
        return idle if idle and used.issubset(idle.takes) else None

    def compile(self, loop: str, storages: tuple[str, ...], gradient: str) -> None:
        """Makes ready all that calls on some storage types run."""
        closed = self.closed_form
        self.span_functions(storages, gradient).compile(loop, (closed, self.switches) if closed else None)
        if loop in (LOOPS["touched"], LOOPS["every"], DEFERRED_ROWS):
            prepare_grouping(gradient, compute_type(storages[0]))
        prepare_loops(loop)

    def span_functions(self, storages: tuple[str, ...], gradient: str) -> Any:
        """The compiled functions of the rule for some storage types; each is made when it is asked for."""
        key = (*storages, gradient)
        if key not in self._span_functions:
            from ..codegen.cpu.functions import SpanFunctions

            self._span_functions[key] = SpanFunctions(self.program, storages, gradient, self.stochastic)
        return self._span_functions[key]

    def switched(self, **switches: bool) -> "Operator":
        """The same operator with other switches."""
        key = tuple(sorted({**dict(self.switches), **switches}.items()))
        if key not in self._switched:
            other = copy(self)
            other.switches, other._program, other._layout, other._facts = key, None, None, None
            other._span_functions, other.kept = {}, {}
            self._switched[key] = other
        return self._switched[key]


def _rebuild(cls: type[Operator], rule: Any, options: dict[str, Any], switches: dict[str, bool]) -> Operator:
    return cls(rule, **{**options, **switches})
