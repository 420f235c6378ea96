"""An operator runs a rule in place on the caller's arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..arrays.devices import on_device
from ..codegen.recipe import Recipe
from ..codegen.rule.program import ReductionScope
from ..codegen.rule.signature import read_signature
from ..codegen.rule.spec import RuleSpec, Switches, spec_of
from ..codegen.rule.text import portable, rule_of
from ..rules.idle import ClosedForm, closed_form_of
from ..runtime.call import Launch
from ..runtime.cpu import plain_bags, plain_step
from ..runtime.cpu.loops import DEFERRED_ROWS, LOOPS, WHOLE_TENSOR, prepare_loops
from ..runtime.cpu.table_steps import TableStep
from ..runtime.random_key import key_of
from . import host_step
from .bags import BagGradient, gradient_of_bags
from .checks.arrays import ArraySpec, check_unused
from .checks.options import check_rows, parse_counter, parse_switches
from .checks.scalars import parse_scalar
from .labels import DEFAULTS, Labels, Options, parse_options

# What an operator is made of, and what it makes of that.
OWN = frozenset({"rule", "switches", "labels", "options", "signature", "name", "functions_of", "built"})
# The arrays that a call may leave out, and what stands for one that is not given.
OPTIONAL, MISSING = ("indices", "offsets", "weights"), object()
# The options of the constructor beside the rule's switches.
AT_CONSTRUCTION = ("use_locking", "rounding", "seed", "maximize", "check_indices")


class Operator:
    """Run an update rule of your own, fused and in place, on dense or sparse gradients.

    A rule is a plain function. Its positional arguments are the states, then the gradient. Its keyword-only arguments
    are scalars, or switches if annotated ``bool``. It returns the new states (see ``fusedstep.rules``). The constructor
    reads and checks it all, global constants included, which are fixed afterwards. The first call with a combination of
    types compiles it, and caches the machine code on disk.

    Args:
        rule: the rule; or its text, where Python keeps no source, as in a piped program. The last function that a
            text defines is the rule. A text sees the words of ``fusedstep.words``, ``np`` and ``math``, what it imports
            and defines itself, and nothing else.
        use_locking: run calls that share memory one after another, whichever threads make them. Without it they may
            interleave; they never crash.
        rounding: the rounding of 16-bit states: ``"nearest"``, or ``"stochastic"``: up or down at random. Then the
            mean is exact, and steps that are small against the last place are not lost.
        seed: the seed of stochastic rounding. The same seed and ``step`` give the same bits on any number of threads.
        maximize: maximize the objective: the rule gets the gradient with the opposite sign.
        check_indices: check indices on a device before a step, which waits for the device. Without it, indices that
            name no row are ignored. On the CPU they are always checked.
        **switches: the rule's compile-time switches.

    Raises:
        TypeError: ``rule`` is not a rule or cannot be compiled: the message names the file, the line and the remedy; or
            a switch is unknown or not a bool.
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

    >>> step(var, momentum, np.ones((1, 2), np.float32), [0, 1], offsets=[0], lr=0.125, beta=0.5)[0].tolist()
    [[0.875, 0.875], [0.875, 0.875], [0.875, 1.125]]

    >>> step = Operator("def descent(var, grad, *, lr): return var - lr * grad")
    >>> step(np.ones(2), np.array([0.5, -0.5]), lr=0.5)
    (array([0.75, 1.25]),)
    """

    def __init__(
        self,
        /,
        rule: Callable[..., Any] | str,
        *,
        use_locking: bool = False,
        rounding: str = "nearest",
        seed: int = 0,
        maximize: bool = False,
        check_indices: bool = True,
        **switches: bool,
    ) -> None:
        function = rule_of(rule)
        signature = read_signature(function)
        name = signature.name
        options = parse_options(name, use_locking, rounding, seed, check_indices)
        given = parse_switches(name, signature.switches, switches, maximize)
        self._construct(function, given, Labels(name, signature.states), options, spec_of(function, given))

    @classmethod
    def from_spec(
        cls, rule: Callable[..., Any], spec: RuleSpec, labels: Labels, options: Options = DEFAULTS
    ) -> "Operator":
        """Make an operator from a rule that is read already, with its own labels."""
        operator = Operator.__new__(cls)
        operator._construct(rule, spec.switches, labels, options, spec)
        return operator

    def _construct(
        self,
        rule: Callable[..., Any],
        switches: Switches,
        labels: Labels,
        options: Options,
        spec: RuleSpec | None = None,
    ) -> None:
        self.rule, self.switches, self.labels, self.options = rule, switches, labels, options
        self.signature, self.name = read_signature(rule), labels.operator
        self._spec, self._array_spec = spec, None if spec is None else array_spec(spec, labels, options)
        self._may_be_plain = not (options.stochastic or options.use_locking)
        self._functions: dict[tuple[str, ...], Any] = {}
        # The functions among these for arrays of one storage type.
        self.functions_of: dict[str, Any] = {}
        self._switched: dict[Switches, Operator] = {}
        # What is built for devices.
        self.built: dict[tuple[Any, ...], Any] = {}

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OWN and name in vars(self):
            raise AttributeError(f"{self.name}: {name} cannot be changed; make another operator")
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<fusedstep operator {self.name}>"

    def __getstate__(self) -> dict[str, Any]:
        made = ("_spec", "_array_spec", "_functions", "_switched", "functions_of", "built", "signature")
        state = {name: value for name, value in vars(self).items() if name not in made}
        return state | {"rule": portable(self.rule)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        rule, *own = [state.pop(name) for name in ("rule", "switches", "labels", "options")]
        vars(self).update({name: value for name, value in state.items() if name != "name"})
        self._construct(rule_of(rule), *own)

    def __call__(self, /, *arrays: Any, rows: str = "touched", step: Any = None, **named: Any) -> tuple[Any, ...]:
        """Take one step.

        Args:
            *arrays: the states, then ``grad``, then, for a sparse gradient, ``indices``, and for a gradient of bags
                ``offsets`` and ``weights``. Each may be passed by name. States are updated in place. They have one
                shape. Their types are float32, float16 and bfloat16 in any combination, or float64 for all. ``grad``
                has the type of the variable, or float32 with a 16-bit variable. It has the shape of the states, or
                with ``indices`` ``(len(indices),) + var.shape[1:]``. ``indices`` are integers in any order: an array,
                a list, a range, or what makes an array of itself, as a Series. Gradients of one row are summed first.
                PerRow states have shape ``var.shape[:1]``, or ``(len(var), 1)`` as in the plain function. A state that
                the switches leave unused may be None.
                ``offsets`` are integers that say where each bag begins among the indices, with or without the end of
                the last one, as ``torch.nn.EmbeddingBag`` takes them; indices behind that end are ignored. Then
                ``grad`` has one row for each bag, and is the gradient of each index in it. ``weights`` is an array
                with one number for each index, by which its gradient is multiplied in the compute type, and has the
                type of a gradient. A bag may be empty, and a weight 0, which still names its row.
            rows: the rows that take the step: ``"touched"`` for those that ``indices`` names, or ``"every"`` for all,
                with a zero gradient where a row is not named. Ignored without ``indices``.
            step: the number of the step, for stochastic rounding.
            **named: the scalars, as numbers or arrays of one element.

        Returns:
            The states, the same objects.

        Raises:
            TypeError, ValueError, IndexError: an argument is invalid; nothing is changed.
        """
        signature = self.signature
        given = self._arrays(arrays, named)
        check_rows(self.name, rows)
        if "step" in signature.scalars and step is not None:
            named["step"] = step
        *states, gradient, indices, offsets, weights = given
        if offsets is not None or weights is not None:
            gradient, indices = gradient_of_bags(self.name, gradient, indices, offsets, weights), None
        return self.step(states, gradient, indices, rows, self.scalars(named), step)

    def _arrays(self, arrays: Sequence[Any], named: dict[str, Any]) -> list[Any]:
        """The arrays of a call in order, of which some are taken out of ``named``; None for those that may be left out.

        Raises:
            TypeError: one is missing, or given twice.
        """
        states, gradient = self.signature.states, self.signature.gradient
        order = (*states, "grad", *OPTIONAL)
        if len(arrays) > len(order):
            raise TypeError(f"{self.name}: takes at most {len(order)} arrays ({', '.join(order)}), got {len(arrays)}")
        given = list(arrays) + [MISSING] * (len(order) - len(arrays))
        for place, name in enumerate(order):
            # A state may be called as an optional array is: its name stands for the state.
            if name in named and name not in order[:place]:
                if given[place] is not MISSING:
                    raise TypeError(f"{self.name}: {name} is given twice, by position and by name")
                given[place] = named.pop(name)
        if gradient in named and given[len(states)] is MISSING:
            given[len(states)] = named.pop(gradient)
        required = order[: -len(OPTIONAL)]
        missing = [name for name, each in zip(required, given, strict=False) if each is MISSING]
        if missing:
            raise TypeError(f"{self.name}: {', '.join(missing)} not given; pass {', '.join(required)}[, indices]")
        return [None if each is MISSING else each for each in given]

    def scalars(self, named: Mapping[str, Any]) -> list[float]:
        """The rule's scalars in order, from values by name."""
        signature = self.signature
        if named.keys() != set(signature.scalars):
            unknown = sorted(named.keys() - set(signature.scalars))
            missing = [name for name in signature.scalars if name not in named and name not in signature.defaults]
            at_construction = [name for name in unknown if name in (*AT_CONSTRUCTION, *signature.switches)]
            if unknown or missing:
                raise TypeError(
                    f"{self.name}: takes the scalars {', '.join(signature.scalars) or 'none'}"
                    + (f"; missing: {', '.join(missing)}" if missing else "")
                    + (f"; not known: {', '.join(unknown)}" if unknown else "")
                    + (f"; pass {', '.join(at_construction)} to the constructor" if at_construction else "")
                )
            named = {**signature.defaults, **named}
        return [parse_scalar(self.name, name, named[name]) for name in signature.scalars]

    def step(
        self,
        states: Sequence[Any],
        gradient: Any,
        indices: Any,
        rows: str | None,
        scalars: Sequence[float],
        number: Any = None,
    ) -> tuple[Any, ...]:
        """Check everything, then run. ``rows`` is ignored without ``indices``."""
        launch = self.prepare(states, gradient, indices, rows, scalars, number)
        launch()
        return tuple(states)

    def prepare(
        self,
        states: Sequence[Any],
        gradient: Any,
        indices: Any,
        rows: str | None,
        scalars: Sequence[float],
        number: Any = None,
    ) -> Launch:
        """Check everything and return a function that launches the call. Nothing is changed before that.

        Launch it once, before an array of the call is resized or replaced: it holds their addresses.

        Raises:
            ImportError: the tensors are on a device, and Triton is not installed.
        """
        # Not the property, and plain arrays first: on tiny arrays, a call takes the time of its checks.
        spec = self._spec or self.spec
        in_use = [states[k] for k in spec.used]
        if len(in_use) < len(states):
            check_unused(self.name, self.labels.states, states, spec.used)
        if type(in_use[0]) is not np.ndarray and on_device(in_use[0]):
            from .device_step import prepare

            return prepare(self, in_use, gradient, indices, rows, scalars, number)
        launch = None
        if self._may_be_plain and spec.reduction_scope is ReductionScope.ELEMENT:
            if indices is None:
                launch = plain_step.prepare_dense(self, in_use, gradient, scalars, spec.written)
            else:
                launch = plain_step.prepare_sparse(self, in_use, gradient, indices, rows, scalars, spec.written)
        return launch or host_step.prepare(self, in_use, gradient, indices, rows, scalars, number)

    def table_step(
        self, states: Sequence[Any], gradient: BagGradient, rows: str, scalars: Sequence[float]
    ) -> TableStep | None:
        """Check the step of a table as part of a call that steps several; None if ``prepare`` must do it.

        The values of indices and offsets are checked by that call, the indices in a copy that it makes.
        """
        stable = gradient.private or all(each[2:] == (None, None) for each in gradient.lookups)
        if not stable or not self._may_be_plain or self.spec.reduction_scope is ReductionScope.TENSOR:
            return None
        in_use = [states[k] for k in self.spec.used]
        return plain_bags.table_step(self, in_use, gradient.lookups, rows, scalars, self.spec.written)

    @property
    def spec(self) -> RuleSpec:
        """The rule with its switches set, read once."""
        if self._spec is None:
            self._spec = spec_of(self.rule, self.switches)
        return self._spec

    @property
    def array_spec(self) -> ArraySpec:
        """What the rule requires of the states of a call."""
        if self._array_spec is None:
            self._array_spec = array_spec(self.spec, self.labels, self.options)
        return self._array_spec

    @property
    def loops(self) -> tuple[str, ...]:
        """The loops that calls may run."""
        whole = self.spec.reduction_scope == ReductionScope.TENSOR
        return (WHOLE_TENSOR,) if whole else (*LOOPS.values(), DEFERRED_ROWS)

    @property
    def closed_form(self) -> ClosedForm | None:
        """The closed form of zero-gradient steps, if there is one for the states in use."""
        found, used = closed_form_of(self.rule), {self.signature.states[k] for k in self.spec.used}
        return found if found and used.issubset(found.takes) else None

    def rounding_key(self, number: Any) -> int | None:
        """The key of stochastic rounding for a step; None if states are rounded to the nearest.

        Raises:
            TypeError, ValueError: the number of the step is invalid.
        """
        if not self.options.stochastic:
            return None
        return key_of(self.options.seed, parse_counter(self.name, "step", number))

    def compile(self, loop: str, storages: tuple[str, ...], gradient_storage: str) -> None:
        """Compile everything that calls with some storage types run."""
        from ..codegen.cpu.build import build

        build(Recipe(self.spec, storages, gradient_storage, self.options.stochastic, loop, self.closed_form))
        prepare_loops(loop, storages[0], gradient_storage)

    def span_functions(self, storages: tuple[str, ...], gradient_storage: str) -> Any:
        """The rule's functions for some storage types; each is compiled at its first use."""
        key = (*storages, gradient_storage)
        if key not in self._functions:
            from ..codegen.cpu.build import build

            self._functions[key] = build(Recipe(self.spec, storages, gradient_storage, self.options.stochastic))
        return self._functions[key]

    def functions_for(self, storage: str) -> Any:
        """The same where all arrays have one storage type; remembered under it."""
        if storage not in self.functions_of:
            self.functions_of[storage] = self.span_functions((storage,) * len(self.spec.used), storage)
        return self.functions_of[storage]

    def build_once(self, key: tuple[Any, ...], build: Callable[[], Any]) -> Any:
        """What was built of the rule for devices under a key; built at the first use."""
        if key not in self.built:
            self.built[key] = build()
        return self.built[key]

    def switched(self, **switches: bool) -> "Operator":
        """The same operator with other switches."""
        key = tuple(sorted({**dict(self.switches), **switches}.items()))
        if key not in self._switched:
            other = object.__new__(type(self))
            vars(other).update({name: value for name, value in vars(self).items() if name not in OWN})
            other._construct(self.rule, key, self.labels, self.options, spec_of(self.rule, key))
            self._switched[key] = other
        return self._switched[key]


def array_spec(spec: RuleSpec, labels: Labels, options: Options) -> ArraySpec:
    """What a rule requires of the states of a call, with the caller's names for them."""
    names = tuple(labels.states[k] for k in spec.used)
    by_row = spec.reduction_scope == ReductionScope.ROW and not options.flat_rows
    rows = by_row or (spec.reduction_scope == ReductionScope.TENSOR and spec.sees_rows)
    kinds = tuple(spec.kinds[k] for k in spec.used)
    return ArraySpec(names, kinds, spec.changed, labels.variable or names[0], rows, spec.matrices)
