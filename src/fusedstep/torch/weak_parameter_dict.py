"""A dict by parameter that forgets parameters which nobody else holds."""

from collections.abc import Iterator, MutableMapping
from typing import Any, TypeVar
from weakref import ref

from torch import Tensor

Value = TypeVar("Value")


class WeakParameterDict(MutableMapping[Tensor, Value]):
    """A mapping by parameter, as ``dict``, that keeps no parameter alive.

    A ``WeakKeyDictionary`` compares its keys, which tensors do element by element; torch's own takes microseconds.

    >>> import torch
    >>> seen, weight = WeakParameterDict(), torch.nn.Parameter(torch.ones(2))
    >>> seen[weight] = "once"
    >>> weight in seen, len(seen)
    (True, 1)
    >>> del weight
    >>> len(seen)
    0
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[ref[Tensor], Value]] = {}

    def get(self, param: Tensor, default: Any = None) -> Any:
        entry = self._entries.get(id(param))
        # The id may belong to another parameter by now.
        return entry[1] if entry is not None and entry[0]() is param else default

    def __getitem__(self, param: Tensor) -> Value:
        entry = self._entries[id(param)]
        if entry[0]() is not param:
            raise KeyError(param)
        return entry[1]

    def __setitem__(self, param: Tensor, value: Value) -> None:
        key, weak_self = id(param), ref(self)

        def forget(dead: ref[Tensor]) -> None:
            mapping = weak_self()
            if mapping is not None and mapping._entries.get(key, (None,))[0] is dead:
                del mapping._entries[key]

        self._entries[key] = ref(param, forget), value

    def __delitem__(self, param: Tensor) -> None:
        self[param]
        del self._entries[id(param)]

    def __iter__(self) -> Iterator[Tensor]:
        for reference, _ in list(self._entries.values()):
            param = reference()
            if param is not None:
                yield param

    def __len__(self) -> int:
        return len(self._entries)
