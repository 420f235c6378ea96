"""No call makes a temporary anywhere near the size of the table, or reads or writes beyond its arrays."""

import ctypes
import json
import mmap
import subprocess
import sys

import numpy as np
import pytest

import fusedstep as fs
from tests import reference
from tests.forked import in_child
from tests.rules.test_rules_with_sums import everything
from tests.runtime.test_threads import SCALARS, momentum

pytest.importorskip("resource", reason="written for systems that tell peak memory and protect pages")

PROGRAM = """
import json, resource, sys
import numpy as np
import fusedstep as fs

adam, proximal = (0.9, 0.999, 0.001, 0.9, 0.999, 1e-8), (0.1, 0.01, 0.01)

def call(operator, rows):
    states = [np.ones((rows, 64), np.float32) for _ in range(3)]
    indices, grad = np.arange(0, rows, 100), np.ones((rows, 64), np.float32)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if operator == "ApplyProximalAdagrad":
        fs.ops.ApplyProximalAdagrad()(*states[:2], *proximal, grad)
    else:
        getattr(fs.ops, operator)()(*states, *adam, grad[: indices.size], indices)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak, states[0].nbytes

fs.set_num_threads(2)
call(sys.argv[1], 20_000)
kilobytes, table = call(sys.argv[1], 400_000)
print(json.dumps(kilobytes * (1 if sys.platform == "darwin" else 1024) / table))
"""


@pytest.mark.parametrize("operator", ["FusedSparseAdam", "FusedSparseLazyAdam", "ApplyProximalAdagrad"])
def test_peak_memory_stays_below_a_tenth_of_the_table(operator: str) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, operator], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) < 0.1


def at_an_edge(values: np.ndarray, last: bool) -> np.ndarray:
    """A copy between two pages that nobody may read or write, up against the last of them or the first."""
    page = mmap.PAGESIZE
    inner = -(-max(1, values.nbytes) // page) * page
    memory = mmap.mmap(-1, inner + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    library = ctypes.CDLL(None, use_errno=True)
    for edge in (start, start + page + inner):
        assert library.mprotect(ctypes.c_void_p(edge), page, 0) == 0
    array = np.ndarray(values.shape, values.dtype, memory, page + (inner - values.nbytes if last else 0))
    array[...] = values
    return array


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("dtype", reference.DTYPES)
@pytest.mark.parametrize("rows", [None, "touched", "every"])
@pytest.mark.usefixtures("split_small")
def test_nothing_is_read_or_written_beyond_the_arrays(rows: str | None, dtype: str, last: bool) -> None:
    rng = np.random.default_rng(1)
    # Widths that vectors do not divide, rows named often, and the last row and the first.
    for height, width, count in ((1, 1, 1), (37, 5, 61), (9, 33, 8), (64, 16, 64)):
        shape = (count if rows else height, width)
        states = [reference.numbers(rng, (height, width), reference.DTYPES[dtype], positive=True) for _ in range(2)]
        grad = reference.numbers(rng, shape, reference.DTYPES[dtype])
        indices = rng.integers(0, height, count, np.int64) if rows else None
        if indices is not None:
            indices[0], indices[-1] = height - 1, 0
        expected = reference.step(momentum, states, grad, indices, rows or "touched", SCALARS)

        def work() -> None:
            given = [at_an_edge(each, last) for each in (*states, grad)]  # noqa: B023 - done before the next
            places = None if indices is None else at_an_edge(indices, last)  # noqa: B023
            for threads in (1, 3):
                fs.set_num_threads(threads)
                for state, before in zip(given, states, strict=False):  # noqa: B023
                    state[...] = before
                fs.Operator(momentum)(*given, places, rows=rows or "touched", **SCALARS)
                for got, want in zip(given, expected, strict=False):  # noqa: B023
                    reference.assert_same_bits(got, want)

        in_child(work)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.usefixtures("split_small")
def test_nothing_is_read_or_written_beyond_what_is_added_up(last: bool) -> None:
    shapes = [(37, 5), (37, 1), (1, 5), (37, 5)]
    values = [reference.numbers(np.random.default_rng(2), shape, np.float32) for shape in shapes]
    expected = [each.copy() for each in values]
    fs.Operator(everything)(*expected, lr=0.1)

    def work() -> None:
        given = [at_an_edge(each, last) for each in values]
        fs.Operator(everything)(*given, lr=0.1)
        for got, want in zip(given, expected, strict=True):
            reference.assert_same_bits(got, want)

    in_child(work)


def test_the_edge_is_one() -> None:
    for last in (False, True):
        array = at_an_edge(np.zeros(3), last)
        beyond = np.lib.stride_tricks.as_strided(array, (5,), array.strides) if last else array
        with pytest.raises(AssertionError, match=r"SIG(SEGV|BUS)"):
            in_child(lambda: beyond[3:].fill(1) if last else ctypes.memset(array.ctypes.data - 8, 1, 8))  # noqa: B023
