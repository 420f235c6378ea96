"""What the demo trains on: ids of digits, the gradient of the loss, batches."""

import numpy as np
import pytest

from fusedstep.cli import digits


def test_ids_name_pixels_and_pairs():
    greys = np.zeros((3, 64), np.int64)
    greys[1, 5] = 1  # shares its level with 0
    greys[2, 5] = 16
    ids = digits.hashed_ids(greys)
    assert ids.shape == (3, 2080)
    assert ids.min() >= 0
    assert ids.max() < digits.TABLE_ROWS
    assert np.array_equal(ids[0], ids[1])
    # One pixel and its 63 pairs.
    assert np.count_nonzero(ids[0] != ids[2]) == 64


def test_ids_are_spread_evenly():
    rows = digits.scatter(np.arange(digits.TABLE_ROWS // 16))
    assert len(np.unique(rows)) > 0.95 * len(rows)
    assert np.bincount(rows // (digits.TABLE_ROWS // 16), minlength=16).std() < 200


def test_the_error_is_the_gradient_of_the_loss():
    generator = np.random.default_rng(7)
    table, ids, labels = generator.standard_normal((50, 10)), generator.integers(0, 50, (4, 6)), np.array([3, 0, 9, 3])
    gradient = np.empty((24, 10))
    digits.spread(digits.softmax_errors(table, ids, labels), gradient)
    dense = np.zeros_like(table)
    np.add.at(dense, ids.reshape(-1), gradient)

    def loss(weights):
        scores = digits.logits(weights, ids)
        return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(4), labels]).sum()

    for row, column in ((ids[0, 0], 3), (ids[2, 5], 1)):
        nudge = np.zeros_like(table)
        nudge[row, column] = 1e-6
        assert dense[row, column] == pytest.approx((loss(table + nudge) - loss(table - nudge)) / 2e-6, abs=1e-6)


def test_batches_are_whole_and_repeatable():
    task = digits.load()
    first, second = digits.batches(task, 64, 30), digits.batches(task, 64, 30)
    assert [len(batch) for batch in first] == [64] * 30
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert len(np.unique(np.concatenate(first[:22]))) == 22 * 64
    assert np.intersect1d(task.train, task.test).size == 0
