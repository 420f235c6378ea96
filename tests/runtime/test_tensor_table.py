"""The table of many tensors: what lies as it must is read, and memory that overlaps is seen."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from fusedstep.loops.cpu import loop_named  # noqa: E402
from fusedstep.runtime.cpu import loops  # noqa: E402
from fusedstep.runtime.tensor_table import NOT_PLAIN, TensorTable, advance_counts, overlap, storages_of  # noqa: E402
from fusedstep.torch.dense_updates import memory_of  # noqa: E402


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


def test_a_count_is_read_and_advanced_in_its_own_type() -> None:
    counters = [torch.tensor(3.0), torch.tensor([4.0], dtype=torch.float64), torch.tensor(5), torch.tensor(1.0).half()]
    table = read(ones(4), ones(4), counters=counters)
    assert [each == NOT_PLAIN for each in table.types] == [False, False, True, True]
    assert table.counts[:2] == [3.0, 4.0]
    advance_counts(table)
    assert [each.item() for each in counters] == [4.0, 5.0, 5, 1.0]
    assert counters[1].dtype is torch.float64


def test_tensors_elsewhere_are_left() -> None:
    memory = memory_of([*ones(2), *ones(2)])
    assert memory is not None
    assert set(TensorTable(memory, 2, 2, False, device=2).types) == {NOT_PLAIN}
