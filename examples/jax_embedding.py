"""An embedding in plain JAX that l1 makes small: rows by sparse_update, the head by a rule in an optax chain.

    python examples/jax_embedding.py

Items come as bags of features, few of which tell anything; the others' rows become exactly 0. Beside it the same model
is trained as is usual with optax: Adam, on a gradient as large as the table.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from arguments import between

import fusedstep as fs

try:
    import jax
    import jax.numpy as jnp
    import optax
except ModuleNotFoundError as missing:
    sys.exit(f'jax_embedding.py needs {missing.name}, not installed here: pip install "fusedstep[jax]"')

WIDTH = 16
IN_A_BAG = 20
TELLING = 0.02  # the share of the features that tell of the label
HELD_OUT = 4096


class Items(NamedTuple):
    """Bags of features with their labels."""

    bags: np.ndarray
    labels: np.ndarray


class Head(NamedTuple):
    """What makes a score of a bag's mean row."""

    weight: jax.Array
    bias: jax.Array


def drawn(random: np.random.Generator, count: int, features: int) -> Items:
    """Items whose labels are told by those of their features that tell anything."""
    # The most frequent features tell most, as each of them is seen often.
    bags = (features * random.random((count, IN_A_BAG)) ** 3).astype(np.int32)
    telling = int(features * TELLING)
    effects = np.where(np.arange(features) < telling, np.random.default_rng(7).standard_normal(features), 0)
    chance = 1 / (1 + np.exp(-2 * effects[bags].sum(axis=1)))
    return Items(bags, (random.random(count) < chance).astype(np.float32))


def loss_of(rows: jax.Array, head: Head, labels: jax.Array) -> jax.Array:
    """The summed log-loss of bags, by the rows that they look up."""
    scores = rows.sum(axis=1) @ head.weight + head.bias
    return optax.sigmoid_binary_cross_entropy(scores, labels).sum()


def sparse_training(options: argparse.Namespace) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The start, and a step: rows by FTRL, in place, and the head by Adam behind clipping."""
    update_rows = partial(fs.jax.sparse_update, fs.rules.ftrl_proximal, lr=options.lr, l1=options.l1, l2=0.0, beta=1.0)
    head_rule = fs.jax.adam(lr=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), head_rule)

    def start(table: jax.Array, head: Head) -> Any:
        return (jnp.zeros_like(table), jnp.zeros_like(table)), optimizer.init(head)

    def step(table: jax.Array, head: Head, state: Any, items: Items) -> tuple[jax.Array, Head, Any]:
        sums, head_state = state
        # The gradient of the rows that are looked up is small; that of the table would be as large as the table.
        gradients = jax.grad(loss_of, argnums=(0, 1))(table[items.bags], head, items.labels)
        ids, of_rows = items.bags.reshape(-1), gradients[0].reshape(-1, WIDTH)
        table, sums = update_rows(table, sums, ids, of_rows)
        updates, head_state = optimizer.update(gradients[1], head_state, head)
        return table, optax.apply_updates(head, updates), (sums, head_state)

    return start, step


def dense_training() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The start, and a step, by optax's Adam throughout."""
    optimizer = optax.adam(0.01)

    def start(table: jax.Array, head: Head) -> Any:
        return optimizer.init((table, head))

    def step(table: jax.Array, head: Head, state: Any, items: Items) -> tuple[jax.Array, Head, Any]:
        def loss(params: tuple[jax.Array, Head]) -> jax.Array:
            return loss_of(params[0][items.bags], params[1], items.labels)

        updates, state = optimizer.update(jax.grad(loss)((table, head)), state, (table, head))
        table, head = optax.apply_updates((table, head), updates)
        return table, head, state

    return start, step


def train(name: str, training: tuple[Callable[..., Any], Callable[..., Any]], options: argparse.Namespace) -> None:
    """Trains, and prints what came of it."""
    random = np.random.default_rng(options.seed)
    head = Head(jnp.asarray(random.standard_normal(WIDTH) / WIDTH**0.5, jnp.float32), jnp.zeros(()))
    # What starts at 0 stays 0 where l1 is not overcome.
    table = jnp.zeros((options.features, WIDTH))
    start, step = training
    state, compiled = start(table, head), jax.jit(step, donate_argnums=(0, 1, 2))
    seen, times = np.zeros(options.features, bool), []
    for _ in range(options.steps):
        items = drawn(random, options.batch, options.features)
        seen[items.bags] = True
        began = time.perf_counter()
        table, head, state = jax.block_until_ready(compiled(table, head, state, items))
        times.append(time.perf_counter() - began)
    held_out = drawn(np.random.default_rng(options.seed + 1), HELD_OUT, options.features)
    loss = float(loss_of(table[held_out.bags], head, held_out.labels)) / HELD_OUT
    left = int((np.asarray(table)[seen] != 0).any(axis=1).sum())
    print(f"{name:<18} {1e3 * np.median(times):>11.2f} {loss:>9.4f} {int(seen.sum()):>10,} {left:>13,}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = partial(parser.add_argument, metavar="N")
    add("--features", type=between(int, 100, 10**7), default=200_000, help="rows of the table (default: %(default)s)")
    add("--steps", type=between(int, 1, 10**6), default=150, help="(default: %(default)s)")
    add("--batch", type=between(int, 1, 2**20), default=512, help="items a step (default: %(default)s)")
    add("--lr", type=between(float, 0, 10), default=0.1, help="the step size of rows (default: %(default)s)")
    add("--l1", type=between(float, 0, 1000), default=2.0, help="the penalty of rows (default: %(default)s)")
    add("--seed", type=between(int, 0, 2**32), default=0, help="of all that is drawn by chance (default: %(default)s)")
    options = parser.parse_args(arguments)
    print(f"{'optimizer of rows':<18} {'ms per step':>11} {'log-loss':>9} {'rows seen':>10} {'of these not 0':>13}")
    train("ftrl_proximal", sparse_training(options), options)
    train("optax.adam, dense", dense_training(), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
