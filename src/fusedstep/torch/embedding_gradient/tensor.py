"""The gradient of an embedding's weight, as its lookups left it: never expanded, never merged."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from ..uncompiled import uncompiled
from . import arithmetic as arithmetic
from . import copies as copies
from . import lists as lists
from . import norms as norms
from .content import Content, Form, take
from .dispatch import run
from .lookup import Lookup
from .plain_functions import PLAIN_FUNCTIONS


class EmbeddingGradient(Tensor):
    """A gradient of an embedding's weight, of its shape.

    It stands for the gradient that ``torch.nn.Embedding`` gives: dense, or sparse COO. Operations that are linear, and
    norms, work on the lookups; all others on that *plain form*. One that writes to it, or returns a view of it, makes
    the gradient become its plain form first.

    Attributes:
        _content: what it consists of; aliases, such as ``detach()``, share it.
    """

    _content: Content

    @staticmethod
    @uncompiled
    def of(weight: Tensor, lookups: list[Lookup], sparse: bool) -> "EmbeddingGradient":
        """The gradient of a weight.

        Args:
            weight: the weight; only its shape, strides, dtype and device are read.
            lookups: the lookups, in the order in which their gradients are summed.
            sparse: whether it stands for a sparse COO gradient, as of ``torch.nn.Embedding`` with ``sparse=True``;
                else for a dense one.
        """
        return EmbeddingGradient._of_content(Content(Form.of(weight), sparse, [take(each) for each in lookups]))

    @staticmethod
    def _of_content(content: Content) -> "EmbeddingGradient":
        """A gradient with some content."""
        shape, stride, dtype, device = content.form
        made: EmbeddingGradient = Tensor._make_wrapper_subclass(
            EmbeddingGradient, shape, strides=stride, dtype=dtype, device=device
        )
        # It has no memory: what would read it raises an error, in place of a crash.
        torch._C._set_throw_on_mutable_data_ptr(made)
        made._content = content
        return made

    @property
    def _lookups(self) -> list[Lookup]:
        """The lookups, in the order in which their gradients are summed.

        Raises:
            RuntimeError: the values of one were changed in place since.
        """
        return self._content.lookups

    @property
    def _form(self) -> Form:
        """Its shape, strides, dtype and device, which are found here at once."""
        return self._content.form

    @property
    def _indices_count(self) -> int:
        """The number of indices of all lookups."""
        return sum(len(each.lookup.indices) for each in self._content.taken)

    @property
    def _beside(self) -> Tensor | None:
        """A tensor to which the lookups are added: of tied weights, or the plain form, once the gradient is that."""
        return self._content.beside

    @property
    def _sparse(self) -> bool:
        """Whether it stands for a sparse COO gradient."""
        return self._content.is_coo

    def _plain(self) -> Tensor:
        """The plain form, in memory of its own."""
        return self._content.fresh()

    def _adopt(self) -> Tensor:
        """Become the plain form, and return its memory."""
        return self._content.adopt()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return call_function(func, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.detach.default:
            # The engine asks for it in every backward pass.
            return cls._of_content(args[0]._content)
        return dispatch(func, args, kwargs or {})

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return memo.setdefault(id(self), self._of_content(self._content.copy()))

    def __copy__(self) -> Any:
        return self._of_content(self._content)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Others may read it, without this package.
        return self._plain().__reduce_ex__(protocol)

    def __repr__(self, **how: Any) -> str:
        return str(self._content.plain().__repr__(**how))


@uncompiled
def call_function(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call a function of Python's."""
    answer = PLAIN_FUNCTIONS.get(function)
    with torch._C.DisableTorchFunctionSubclass():
        if answer is None or not isinstance(args[0], EmbeddingGradient):
            return for_hook(function(*args, **kwargs))
        return for_hook(answer(function, *args, **kwargs))


@uncompiled
def dispatch(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Run an operation on the content of gradients."""
    result = run(function, *tree_map_only(EmbeddingGradient, content_of, (args, kwargs)))
    if args and isinstance(args[0], EmbeddingGradient) and returns_first(function):
        return args[0]
    return tree_map_only(Content, EmbeddingGradient._of_content, result)


def content_of(gradient: EmbeddingGradient) -> Content:
    return gradient._content


def for_hook(result: Any) -> Any:
    """A result that hooks of a backward pass may return: in place of a gradient, PyTorch does not take a COO tensor."""
    if type(result) is not Tensor or result.layout is not torch.sparse_coo or torch._C._current_graph_task_id() < 0:
        return result
    return EmbeddingGradient._of_content(Content(Form.of(result), True, (), result))


def returns_first(function: Any) -> bool:
    """Whether an operation writes to its first argument and returns it."""
    schema = getattr(function, "_schema", None)
    if schema is None or len(schema.returns) != 1:
        return False
    first, result = schema.arguments[0].alias_info, schema.returns[0].alias_info
    return first is not None and first.is_write and result is not None and result.is_write
