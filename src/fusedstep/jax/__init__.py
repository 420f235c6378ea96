"""Rules in JAX: as optax gradient transformations, as pure functions, and for rows of tables.

Each rule has a factory with its name: ``fs.jax.ftrl_proximal(lr=0.1, l1=1.0, l2=0.0)`` makes a transformation. Those
with the name of an alias of optax take its arguments, too: ``fs.jax.adamw(1e-3, weight_decay=0.01)``.
"""

from collections.abc import Callable
from typing import Any

try:
    from .dense import dense_update
    from .factories import NAMES, factory_of
    from .initial_state import initial_states
    from .rule_state import RuleState
    from .sparse import sparse_update
    from .transformation import transformation
except ModuleNotFoundError as error:
    if error.name not in ("jax", "jaxlib", "optax"):
        raise
    raise ImportError(
        f'fusedstep.jax needs {error.name}, not installed here; install it with: pip install "fusedstep[jax]"',
        name=error.name,
    ) from error

__all__ = ["RuleState", "dense_update", "initial_states", "sparse_update", "transformation", *NAMES]


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in NAMES:
        raise AttributeError(f"fusedstep.jax has no {name!r}; it has {', '.join(__all__)}")
    return factory_of(name)


def __dir__() -> list[str]:
    return list(__all__)
