"""Steps of many tensors: their parts cover each element once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import fusedstep as fs  # noqa: E402
from fusedstep.loops.cpu import loop_named  # noqa: E402
from fusedstep.runtime.cpu import loops, many_tensors  # noqa: E402
from fusedstep.runtime.cpu.many_tensors import cuts_of  # noqa: E402


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
