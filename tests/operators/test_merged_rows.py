"""Merged rows: each row that a gradient of bags names once, in ascending order, with the sum of its gradients."""

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.operators.bags import BagGradient, Bags
from fusedstep.operators.merged_rows import merge_rows
from tests import reference
from tests.operators.test_bags import case


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("shape", [(5, 1), (40, 3), (3000, 7), (5, 0)])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.usefixtures("split_small")
def test_sums_are_those_of_the_expanded_gradient(shape: tuple[int, int], dtype: str, threads: int) -> None:
    fs.set_num_threads(threads)
    parts = [case(*shape, dtype, weighted, seed=seed) for seed, weighted in enumerate((True, False))]
    lookups = tuple(Bags(each.gradient, each.indices, each.offsets, each.weights) for each in parts)
    found = merge_rows("a merge", BagGradient(lookups), "var", shape, dtype)
    indices = np.concatenate([each.indices for each in parts])
    expanded = np.concatenate([each.expanded for each in parts])
    sums = reference.summed(expanded, indices, expanded.dtype)
    assert found.rows.tolist() == sorted(sums)
    reference.assert_same_bits(found.sums, np.stack([sums[row] for row in sorted(sums)]))


def test_a_row_outside_is_refused() -> None:
    with pytest.raises(IndexError, match=r"a merge: indices\[1\] is 5, expected 0 to 4: var has 5 rows"):
        merge_rows("a merge", BagGradient((Bags(np.ones((2, 1)), [0, 5]),)), "var", (5, 1), "float64")
