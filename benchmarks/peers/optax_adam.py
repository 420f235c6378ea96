"""optax, compiled by JAX."""

import subprocess
import sys
from functools import partial

import optax
from libraries.data import Size
from libraries.steps import Step

VERSION = optax.__version__

COMPILED = """
import jax, optax, time
adam, params = optax.adam(0.001), jax.numpy.ones((8, 4))
state, grads = adam.init(params), jax.numpy.ones((8, 4))
@jax.jit
def step(params, state, grads):
    updates, state = adam.update(grads, state, params)
    return optax.apply_updates(params, updates), state
jax.block_until_ready(step(params, state, grads))
"""


def begin(threads: int) -> None:
    """JAX has no setting: it uses all CPUs."""


def first_compiled_step(size: Size) -> list[Step]:
    """A process that compiles and takes a step."""
    return [Step(partial(subprocess.run, [sys.executable, "-c", COMPILED], check=True, stdout=subprocess.DEVNULL))]
