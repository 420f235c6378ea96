"""How an operation of PyTorch runs on the content of an embedding's gradient."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch.utils._pytree import tree_map_only

from .answers import KNOWN
from .content import Content


class Uses(NamedTuple):
    """What an operation does with its arguments, by their names.

    Attributes:
        writes: it writes to them, or returns views of them.
        reshapes: it may give them other memory.
        unknown: its schema does not tell.
    """

    writes: frozenset[str]
    reshapes: frozenset[str]
    unknown: bool = False


@cache
def uses_of(function: Any) -> Uses:
    """What an operation does with its arguments, by its schema."""
    schema = getattr(function, "_schema", None)
    # Collective operations write to arguments without a word in their schemas.
    if schema is None or function.namespace not in ("aten", "prims"):
        return Uses(frozenset(), frozenset(), unknown=True)
    shared = {each.name for each in schema.arguments if each.alias_info is not None}
    resizes = torch.Tag.inplace_view in function.tags or "resize" in schema.name
    written = [each for each in schema.arguments if each.alias_info is not None and each.alias_info.is_write]
    reshapes = {each.name for each in written if resizes or each.kwarg_only}
    if resizes:
        # Memory of the source may become that of another tensor.
        shared = {each.name for each in schema.arguments}
    return Uses(frozenset(shared), frozenset(reshapes))


def names_of(function: Any) -> list[str]:
    """The names of an operation's arguments."""
    schema = getattr(function, "_schema", None)
    return [] if schema is None else [each.name for each in schema.arguments]


def run(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on content in place of gradients; the result may be content, too."""
    known = KNOWN.get(function)
    result = NotImplemented if known is None else known(*args, **kwargs)
    return run_on_plain(function, args, kwargs) if result is NotImplemented else result


def run_on_plain(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on plain forms.

    What it writes to, or returns a view of, becomes its plain form, so that nothing is done to a copy and lost.
    """
    uses, names = uses_of(function), names_of(function)

    def plain(name: str, value: Any) -> Any:
        if name in uses.reshapes:
            refuse(function, value)
        form: Callable[[Content], Any] = Content.adopt if uses.unknown or name in uses.writes else Content.plain
        return tree_map_only(Content, form, value)

    # All are refused before the first is changed.
    named = {name: plain(name, value) for name, value in kwargs.items()}
    listed = [plain(names[place] if place < len(names) else "", value) for place, value in enumerate(args)]
    return function(*listed, **named)


def refuse(function: Any, value: Any) -> None:
    """Refuse an operation that gives a gradient other memory.

    Raises:
        RuntimeError: there is one.
    """

    def refuse_one(content: Content) -> None:
        raise RuntimeError(
            f"EmbeddingGradient: {function} cannot change the gradient of an embedding, expected an operation that "
            "keeps its shape; call it on a copy, grad.clone(), and assign that to the parameter's grad"
        )

    tree_map_only(Content, refuse_one, value)
