"""``sparse_update``: one step of single rows as a pure function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NoReturn

import jax
from jax import lax
from jax.custom_batching import custom_vmap

from ..codegen.rule.program import ReductionScope
from ..codegen.xla.build import RuleFunctions
from ..operators.bags import Bags
from ..operators.checks.options import check_rows
from ..operators.operator import Operator
from ..runtime.cpu.loops import LOOPS, prepare_bags, prepare_grouping
from ..storage import compute_type
from . import arrays, sparse_callback, sparse_xla
from .bags import parse_bags
from .functions import functions_of
from .scalars import parse_scalars, split_arrays, split_switches


def sparse_update(
    rule: Callable[..., Any] | str,
    table: Any,
    states: Sequence[Any],
    ids: Any,
    grads: Any,
    *,
    offsets: Any = None,
    weights: Any = None,
    rows: str = "touched",
    **scalars_and_switches: Any,
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Take one step of a rule with the gradients of single rows, or of bags of rows, as a pure function.

    On the CPU the library's kernels run. Under ``jax.jit`` they update the table and the states in place if these are
    donated. Elsewhere XLA computes the same. Gradients of one row are summed first, on the CPU in the order of the ids.

    With ``offsets`` the gradient has one row for each bag: id p of bag b has the gradient ``weights[p] * grads[b]``, a
    product that is rounded once, in the compute type. On the CPU that gradient is never built.

    Args:
        rule: the rule, a plain function or its text, see ``fusedstep.Operator``. It may reduce over a row, but not
            over more.
        table: the variable, of shape ``(rows, ...)``.
        states: the rule's other states in order, see ``initial_states``; None for states that its switches leave
            unused, which may also be left out. They have the table's shape, or one number per row. Their types are
            float32, float16 and bfloat16 in any mixture, or float64.
        ids: the row of each gradient, integers of shape ``(n,)``, in any order. A traced id that is out of range, or
            negative, is ignored with its gradient: ids may be padded with the number of rows.
        grads: the gradients, of shape ``(n, ...)``, with ``offsets`` ``(bags, ...)``; of the table's type, or float32
            with a 16-bit table.
        offsets: where each bag begins among the ids, as ``torch.nn.EmbeddingBag`` takes it: integers of shape
            ``(bags,)``; or ``(bags + 1,)`` with the end of the last bag, behind which ids are ignored. They begin at 0
            and never fall; a bag may be empty. If they are traced, the step on the CPU fails where they are invalid;
            elsewhere its result is then undefined.
        weights: the factor of each id's gradient, of shape ``(n,)`` and the type of a gradient. A row whose weights are
            0 takes the step.
        rows: which rows take the step: ``"touched"``, the rows in ``ids``; or ``"every"``, where the other rows take it
            with a zero gradient.
        **scalars_and_switches: the rule's scalars, as numbers or arrays of one element, which may be traced; and its
            switches.

    Returns:
        The new table, and the new states, as many as were given.

    Raises:
        TypeError, ValueError: an argument is invalid.
        IndexError: an id that is not traced is out of range.
        NotImplementedError: under ``jax.vmap``, ``jax.grad`` or ``jax.shard_map``.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> table, (accum,) = sparse_update(fs.rules.adagrad, jnp.ones((3, 2)), (jnp.zeros((3, 2)),),
    ...     jnp.array([2, 2]), jnp.full((2, 2), 0.25), lr=0.25, epsilon=0.0)
    >>> table.tolist(), accum[2].tolist()
    ([[1.0, 1.0], [1.0, 1.0], [0.75, 0.75]], [0.25, 0.25])

    Two bags, of the rows 0 and 1, and of row 1:

    >>> table, _ = sparse_update(fs.rules.gradient_descent, jnp.ones((3, 1)), (),
    ...     [0, 1, 1], jnp.array([[0.5], [0.25]]), offsets=[0, 2], lr=1.0)
    >>> table.tolist()
    [[0.5], [0.25], [1.0]]
    """
    operator, named_scalars = split_switches(rule, scalars_and_switches)
    check_rows(operator.name, rows)
    if operator.spec.reduction_scope == ReductionScope.TENSOR:
        raise ValueError(
            f"{operator.name}: the rule reduces over more than a row, so single rows cannot take a step; "
            "pass a dense gradient to dense_update"
        )
    scalars = parse_scalars(operator, named_scalars)
    given = arrays.parse_states(operator, table, states)
    check_one_device(operator, given)
    used = [each for each in given if each is not None]
    bags = parse_bags(operator, Bags(grads, ids, offsets, weights), used[0])
    update = RowUpdate(operator, functions_of(operator, str(used[0].dtype)), rows)
    arguments = (used, bags, scalars)
    if any(isinstance(each, jax.core.Tracer) for each in jax.tree.leaves(arguments)):
        new = update(*arguments)
    else:
        # Pass numbers as float64 arrays, so that another learning rate does not compile again.
        with jax.enable_x64(True):
            new = compiled(update)(*arguments)
    return arrays.restore_unused(operator, new, states)


@dataclass(frozen=True)
class RowUpdate:
    """A step of ``sparse_update`` on checked arrays. Two are equal if they compute the same.

    Attributes:
        operator: runs on the CPU.
        functions: run elsewhere.
        rows: which rows take the step.
    """

    operator: Operator
    functions: RuleFunctions
    rows: str

    @property
    def key(self) -> tuple[Any, ...]:
        """The key of comparisons. There is one module for each text, which holds the rule's global constants."""
        return self.operator.rule, self.operator.switches, self.functions.module, self.rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowUpdate) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __call__(self, states: list[jax.Array], bags: Bags, scalars: list[Any]) -> list[jax.Array]:
        """Return the new states in use."""
        if jax.default_backend() == "cpu":
            # Compile now, not in XLA's callback.
            self.compile(states, bags)
        known, traced = split_arrays(scalars)
        by_platform = partial(
            lax.platform_dependent,
            cpu=partial(sparse_callback.update_rows, self.operator, self.rows, known),
            default=partial(sparse_xla.update_rows, self.functions, self.rows, known),
        )
        new: list[jax.Array] = without_transforms(self.operator.name, by_platform)(states, bags, traced)
        return new

    def compile(self, states: list[jax.Array], bags: Bags) -> None:
        """Compile the kernels of the step."""
        storages, gradient = tuple(str(each.dtype) for each in states), str(bags.gradient.dtype)
        self.operator.compile(LOOPS[self.rows], storages, gradient)
        if bags.offsets is not None or bags.weights is not None:
            prepare_bags(gradient, compute_type(storages[0]))
        if bags.weights is not None:
            # Weights are converted by what loads gradients of their type.
            prepare_grouping(str(bags.weights.dtype), compute_type(storages[0]))


@lru_cache(maxsize=256)
def compiled(update: RowUpdate) -> Callable[..., list[jax.Array]]:
    """The jitted update, for calls that are not traced."""
    function: Callable[..., list[jax.Array]] = jax.jit(update.__call__)
    return function


def check_one_device(operator: Operator, states: Sequence[jax.Array | None]) -> None:
    """Check that each state is on one device, and that ``jax.shard_map`` is not being traced.

    Raises:
        ValueError: a state is on several devices.
        NotImplementedError: under ``jax.shard_map``.
    """
    for name, each in zip(operator.signature.states, states, strict=True):
        if each is None or isinstance(each, jax.core.Tracer):
            continue
        count = len(each.sharding.device_set)
        if count > 1:
            raise ValueError(
                f"{operator.name}: {name} is on {count} devices, expected one; move it with jax.device_put, or use "
                "dense_update"
            )
    if jax.sharding.get_abstract_mesh().manual_axes:
        raise NotImplementedError(
            f"{operator.name}: sparse_update does not support jax.shard_map, expected a table on one device; "
            "use dense_update"
        )


def without_transforms(name: str, function: Callable[..., Any]) -> Any:
    """A function that refuses ``jax.vmap`` and ``jax.grad``."""
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def refuse_map(size: int, batched: Any, *arguments: Any) -> NoReturn:
        raise NotImplementedError(
            f"{name}: sparse_update does not support jax.vmap, expected one table; concatenate the tables and offset "
            "their ids, or loop over them with jax.lax.scan"
        )

    derived = jax.custom_jvp(mapped)

    @derived.defjvp
    def refuse_derivative(primals: Any, tangents: Any) -> NoReturn:
        raise NotImplementedError(
            f"{name}: sparse_update has no derivative; differentiate the loss by the rows that were looked up, "
            "and pass the result as grads"
        )

    return derived
