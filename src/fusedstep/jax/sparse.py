"""A step of single rows as a pure function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, NoReturn

import jax
from jax import lax
from jax.custom_batching import custom_vmap

from ..codegen.rule.program import ReductionScope
from ..operators.checks.options import check_rows
from ..operators.operator import Operator
from ..runtime.cpu.loops import LOOPS
from . import arrays, by_xla, in_place
from .row_ids import row_ids
from .scalars import is_array, operator_of, scalars_of
from .woven import Woven, weave


def sparse_update(
    rule: Callable[..., Any],
    table: Any,
    states: Sequence[Any],
    ids: Any,
    grads: Any,
    *,
    rows: str = "touched",
    **scalars_and_switches: Any,
) -> tuple[jax.Array, tuple[Any, ...]]:
    """Takes a step of a rule with the gradients of single rows, as a pure function.

    On the CPU the library's kernels run, under ``jax.jit`` in place where the table and the states are donated;
    elsewhere XLA does the same. Gradients of one row are summed first, on the CPU in the order of the ids.

    Args:
        rule: the rule, a plain function, see ``fusedstep.rules``; its sums may not reach beyond a row.
        table: the variable, of shape ``(rows, ...)``.
        states: the rule's other states in its order; None for what its switches leave unused. They are of the
            table's shape, or hold one number a row; float32, float16 and bfloat16 in any mixture, or float64.
        ids: the rows that the gradients belong to, integers of shape ``(n,)``, in any order. Traced, one that is no
            row is left out with its gradient, a negative one too: ids may be padded with the number of rows.
        grads: the gradients, of shape ``(n, ...)`` and the table's type, or float32 beside a 16-bit table.
        rows: which rows take the step: the ``"touched"`` ones, or ``"every"`` one, those that are not named with a zero
            gradient.
        **scalars_and_switches: the rule's scalars, as numbers or arrays of one element, traced ones too, and its
            switches.

    Returns:
        The new table, and the new states.

    Raises:
        TypeError, ValueError: an argument cannot be used.
        IndexError: an id that is not traced is no row.
        NotImplementedError: under ``jax.vmap``, ``jax.grad`` or ``jax.shard_map``.

    >>> import jax.numpy as jnp, fusedstep as fs
    >>> table, (accum,) = sparse_update(fs.rules.adagrad, jnp.ones((3, 2)), (jnp.zeros((3, 2)),),
    ...     jnp.array([2, 2]), jnp.full((2, 2), 0.25), lr=0.25, epsilon=0.0)
    >>> table.tolist(), accum[2].tolist()
    ([[1.0, 1.0], [1.0, 1.0], [0.75, 0.75]], [0.25, 0.25])
    """
    operator, named = operator_of(rule, scalars_and_switches)
    check_rows(operator.name, rows)
    if operator.spec.reduction_scope == ReductionScope.TENSOR:
        raise ValueError(
            f"{operator.name}: the rule adds up more than a row, so that no row can step alone; "
            "pass a dense gradient to dense_update"
        )
    scalars = scalars_of(operator, named)
    given = arrays.states(operator, table, states)
    one_device(operator, given)
    used = [each for each in given if each is not None]
    numbers = row_ids(operator, ids, used[0])
    gradients = arrays.gradient(operator, "grads", grads, (*numbers.shape, *used[0].shape[1:]), used[0])
    update = RowUpdate(operator, weave(operator, str(used[0].dtype)), rows)
    arguments = (used, numbers, gradients, scalars)
    if any(isinstance(each, jax.core.Tracer) for each in jax.tree.leaves(arguments)):
        new = update(*arguments)
    else:
        # Numbers become float64 arguments, so that another learning rate needs no other program.
        with jax.enable_x64(True):
            new = at_once(update)(*arguments)
    return arrays.put_back(given, new, states)


@dataclass(frozen=True)
class RowUpdate:
    """What ``sparse_update`` does to checked arrays; equal to another that does the same.

    Attributes:
        operator: what runs on the CPU.
        woven: what runs elsewhere.
        rows: which rows take the step.
    """

    operator: Operator
    woven: Woven
    rows: str

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells it from others. The module is named by its text, the rule's numbers in it."""
        return self.operator.rule, self.operator.switches, self.woven.module, self.rows

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowUpdate) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __call__(
        self, states: list[jax.Array], ids: jax.Array, grads: jax.Array, scalars: list[Any]
    ) -> list[jax.Array]:
        """The new states in use."""
        if jax.default_backend() == "cpu":
            # Here, and not in XLA's call.
            storages = tuple(str(each.dtype) for each in states)
            self.operator.compile(LOOPS[self.rows], storages, str(grads.dtype))
        known = [None if is_array(each) else float(each) for each in scalars]
        by_platform = partial(
            lax.platform_dependent,
            cpu=partial(in_place.update_rows, self.operator, self.rows, known),
            default=partial(by_xla.update_rows, self.woven, self.rows, known),
        )
        traced = [each for each in scalars if is_array(each)]
        new: list[jax.Array] = alone(self.operator.name, by_platform)(states, ids, grads, traced)
        return new


@lru_cache(maxsize=256)
def at_once(update: RowUpdate) -> Callable[..., list[jax.Array]]:
    """An update as a compiled function, for calls that are not traced."""
    compiled: Callable[..., list[jax.Array]] = jax.jit(update.__call__)
    return compiled


def one_device(operator: Operator, states: Sequence[jax.Array | None]) -> None:
    """States that are known lie on one device each, and no map over devices is being traced.

    Raises:
        ValueError: one is spread over several.
        NotImplementedError: under ``jax.shard_map``.
    """
    for name, each in zip(operator.signature.states, states, strict=True):
        if each is None or isinstance(each, jax.core.Tracer):
            continue
        count = len(each.sharding.device_set)
        if count > 1:
            raise ValueError(
                f"{operator.name}: {name} lies on {count} devices, expected one; move it with jax.device_put, or use "
                "dense_update"
            )
    if jax.sharding.get_abstract_mesh().manual_axes:
        raise NotImplementedError(
            f"{operator.name}: sparse_update under jax.shard_map, expected a table on one device; use dense_update"
        )


def alone(name: str, function: Callable[..., Any]) -> Any:
    """A function that neither ``jax.vmap`` nor ``jax.grad`` goes through."""
    mapped = custom_vmap(function)

    @mapped.def_vmap
    def refuse_map(size: int, batched: Any, *arguments: Any) -> NoReturn:
        raise NotImplementedError(
            f"{name}: sparse_update under jax.vmap, expected one table; make the tables one, with ids of its rows, "
            "or go through them with jax.lax.scan"
        )

    derived = jax.custom_jvp(mapped)

    @derived.defjvp
    def refuse_derivative(primals: Any, tangents: Any) -> NoReturn:
        raise NotImplementedError(
            f"{name}: sparse_update has no derivative; take that of the loss by the rows that were looked up, "
            "and pass it as grads"
        )

    return derived
