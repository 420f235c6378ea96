"""Steps of many tensors: their parts cover each element once, and memory that overlaps is seen."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep.loops.cpu import loop_named  # noqa: E402
from fusedstep.runtime.cpu import loops, many_tensors  # noqa: E402
from fusedstep.runtime.cpu.many_tensors import NOT_PLAIN, TensorTable, cuts_of, overlap, storages_of  # noqa: E402
from fusedstep.torch.dense_updates import memory_of  # noqa: E402


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(1, 9), st.integers(0, 3))
def test_parts_cover_each_element_once_and_are_of_equal_work(sizes: list[int], number: int, first: int) -> None:
    cuts = [(first, 0), *cuts_of(sizes, first, number), (first + len(sizes) - 1, sizes[-1])]
    before = np.concatenate([[0], np.cumsum(sizes)])
    ends = [int(before[row - first]) + place for row, place in cuts]
    assert ends == sorted(ends)
    assert all(0 <= place <= sizes[row - first] for row, place in cuts)
    assert (ends[0], ends[-1]) == (0, sum(sizes))
    share = (sum(sizes) + many_tensors.ELEMENTS_PER_TENSOR * len(sizes)) / number
    assert max(np.diff(ends)) <= share + 2 * many_tensors.ELEMENTS_PER_LINE
    assert all(place % many_tensors.ELEMENTS_PER_LINE == 0 or place == sizes[row - first] for row, place in cuts[1:])


def read(*columns: list[Any], counters: list[Any] | None = None) -> TensorTable:
    tensors = [each for column in columns for each in column] + (counters or [])
    memory = memory_of(tensors)
    assert memory is not None
    return TensorTable(memory, len(columns[0]), len(columns), counters is not None)


def ones(count: int, size: int = 4) -> list[Any]:
    return [torch.ones(size) for _ in range(count)]


def test_what_is_written_may_overlap_nothing_of_another() -> None:
    apart, buffer = ones(3), torch.ones(12)
    views = [buffer[:4], buffer[4:8], buffer[8:]]
    assert not overlap(read(apart, ones(3)), 0, 3)
    assert not overlap(read(views, ones(3)), 0, 3)
    assert not overlap(read(apart, [ones(1)[0]] * 3), 0, 3)
    assert overlap(read([buffer[:4], buffer[3:7], buffer[8:]], ones(3)), 0, 3)
    assert overlap(read(apart, [ones(1)[0], apart[0], ones(1)[0]]), 0, 3)
    assert not overlap(read(apart, [ones(1)[0], apart[0], ones(1)[0]]), 1, 3)
    assert overlap(read(apart, ones(3), counters=[torch.tensor(1.0), apart[0][0], torch.tensor(2.0)]), 0, 3)


def test_types_that_go_together() -> None:
    kinds = ["float32", "float64", "float16", "bfloat16"]
    table = {}
    for state in kinds:
        for gradient in kinds:
            tensors = [torch.ones(3, dtype=getattr(torch, each)) for each in (state, gradient)]
            found = storages_of(read([tensors[0]], [tensors[1]]).types[0], 2)
            table[state, gradient] = found is not None
            assert found is None or found == ((state,), gradient)
    narrow = ["float16", "bfloat16"]
    assert {each for each, together in table.items() if together} == {
        *zip(kinds, kinds, strict=True),
        *[(each, "float32") for each in narrow],
    }


def awkward() -> dict[str, Any]:
    """Tensors of shape (2, 3) that do not lie as a parameter of that shape does, or not alone."""
    memory = torch.frombuffer(bytearray(64), dtype=torch.float32, count=6, offset=2).reshape(2, 3)
    return {
        "transposed": torch.ones(3, 2).t(),
        "with gaps": torch.ones(2, 4)[:, :3],
        "expanded": torch.ones(3).expand(2, 3),
        "of integers": torch.ones(2, 3, dtype=torch.int32),
        "of eight bits": torch.ones(2, 3).to(torch.float8_e4m3fn),
        "askew": memory,
        "of another shape": torch.ones(6),
        "complex": torch.ones(2, 3, dtype=torch.complex64),
    }


@pytest.mark.parametrize("by_python", [False, True])
@pytest.mark.parametrize("which", sorted(awkward()))
def test_tensors_that_do_not_lie_alike_are_left(which: str, by_python: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if by_python:
        monkeypatch.setattr(loops, "loop_of_objects", loop_named)
    params = [torch.ones(2, 3) for _ in range(3)]
    table = read(params, [torch.ones(2, 3), awkward()[which], params[2]])
    assert [each == NOT_PLAIN for each in table.types] == [False, True, True]
    empty, channels = torch.ones(0), torch.ones(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert [each == NOT_PLAIN for each in read([empty, channels], [empty, channels.clone()]).types] == [True, False]


@pytest.mark.usefixtures("split_small")
def test_loops_do_the_same_by_python(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for _ in range(2):
        torch.manual_seed(0)
        params = [
            torch.nn.Parameter(torch.randn(shape).to(kind))
            for shape, kind in (((), torch.float32), ((300,), torch.float64), ((2, 5), torch.bfloat16))
        ]
        optimizer = fs.torch.Adam(params, lr=0.1)
        for _ in range(3):
            for param in params:
                param.grad = torch.randn(param.shape).to(param.dtype)
            optimizer.step()
            optimizer.state[params[1]]["step"] = optimizer.state[params[1]]["step"].double()
        found.append([*params, *(each for state in optimizer.state.values() for each in state.values())])
        monkeypatch.setattr(loops, "loop_of_objects", loop_named)
        monkeypatch.setattr(loops, "loop", loop_named)
    assert all(map(torch.equal, *found))


def test_a_count_is_read_and_advanced_in_its_own_type() -> None:
    counters = [torch.tensor(3.0), torch.tensor([4.0], dtype=torch.float64), torch.tensor(5), torch.tensor(1.0).half()]
    table = read(ones(4), ones(4), counters=counters)
    assert [each == NOT_PLAIN for each in table.types] == [False, False, True, True]
    assert table.counts[:2] == [3.0, 4.0]
