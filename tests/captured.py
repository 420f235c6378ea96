"""A CUDA graph, or in Triton's interpreter a stand-in: each replay launches what was launched in the capture.

The stand-in repeats kernels and PyTorch's operations on the memory that they were captured with, and no Python around
them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fusedstep.arrays import torch_device
from fusedstep.runtime.gpu import launch_kernel
from fusedstep.torch.embedding_gradient import EmbeddingGradient
from tests.devices import INTERPRETED


class Captured(TorchDispatchMode):
    """What a graph repeats.

    Attributes:
        work: what is repeated, in order.
        kernels: the titles of the kernels among it.
        loaded: how many kernels were launched for the first time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.work: list[Callable[[], None]] = []
        self.kernels: list[str] = []
        self.loaded = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function not in (torch.ops.aten._local_scalar_dense.default,), "a graph cannot be waited for"
        found = function(*args, **(kwargs or {}))

        def again() -> None:
            results = tree_leaves(function(*args, **(kwargs or {})))
            for kept, new in zip(memory_of(tree_leaves(found)), memory_of(results), strict=True):
                if kept.data_ptr() != new.data_ptr():
                    # The version counters are the host's.
                    with torch.autograd._unsafe_preserve_version_counter(kept):
                        kept.copy_(new)

        self.work.append(again)
        return found

    def replay(self) -> None:
        with torch.no_grad(), torch._C.DisableTorchFunctionSubclass():
            for each in self.work:
                each()


def memory_of(values: list[Any]) -> list[torch.Tensor]:
    """The tensors among some values; those that a sparse one holds in its place, and of a wrapper nothing."""
    found = []
    for each in values:
        if isinstance(each, torch.Tensor) and not isinstance(each, EmbeddingGradient):
            found += [each._indices(), each._values()] if each.is_sparse else [each]
    return found


@contextmanager
def capture() -> Iterator[Any]:
    """Captures what is launched within; it is launched once, too."""
    if INTERPRETED:
        with captured_by_stand_in() as stand_in:
            yield stand_in
        return
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        yield graph
    graph.replay()


@contextmanager
def captured_by_stand_in() -> Iterator[Captured]:
    """Captures what the interpreter runs within."""
    from triton.runtime.interpreter import GridExecutor

    graph, call = Captured(), GridExecutor.__call__

    def noted(executor: Any, *args: Any, **kwargs: Any) -> None:
        graph.kernels.append(executor.fn.__globals__["__doc__"].splitlines()[0])
        with torch.utils._python_dispatch._disable_current_modes():
            call(executor, *args, **kwargs)
        graph.work.append(lambda: call(executor, *args, **kwargs))

    with (
        mock.patch.object(GridExecutor, "__call__", noted),
        mock.patch.object(torch_device, "capturing", return_value=True),
        # This graph is a mode, which would not see what a table does for a lookup.
        mock.patch("fusedstep.torch.deferred_parameter.untraced", nullcontext),
        graph,
    ):
        before = len(launch_kernel._launched)
        yield graph
        graph.loaded = len(launch_kernel._launched) - before
