"""Contenders: their data, and that they need no other library than their own."""

import numpy as np
import pytest
from benchmarks.cpu import works as checkout

from fusedstep.bench.catalogue.contenders import FUSEDSTEP
from fusedstep.bench.libraries import data
from fusedstep.bench.works import Contender, Work


def test_batches_follow_their_law():
    size = data.Size(1_000, 2, 4_000)
    drawn = np.concatenate(data.indices(size))
    counts = np.sort(np.bincount(drawn, minlength=1_000))[::-1]
    weights = np.arange(1, 1_001) ** -1.2
    assert drawn.min() >= 0
    assert counts[:3] / drawn.size == pytest.approx(weights[:3] / weights.sum(), rel=0.1)
    assert data.distinct(data.Size(20_000, 1, 28_000, law="uniform")) == pytest.approx(15_070, rel=0.01)
    assert data.table(size, 0).min() >= 0


def test_streaming_moves_what_it_is_asked_to():
    from fusedstep.bench.libraries import streaming

    for states, changed, read_only in ((1, 40, 40), (2, 40, 20), (3, 20, 40), (3, 40, 0)):
        (step,) = streaming.stream(data.Size(1, 1), states=states, changed=changed, read_only=read_only)
        step.run()
        parts = step.run.args[0]
        moved = [len(part.args) * part.args[0].nbytes for part in parts if part.func is not streaming.read]
        read = [part.args[0].nbytes for part in parts if part.func is streaming.read]
        assert sum(moved) + sum(read) == states * changed + read_only


def test_no_peer_needs_fusedstep():
    for library in checkout.LIBRARIES:
        text = library.file.read_text(encoding="utf-8")
        assert library.peer != ("import fusedstep" in text or "from fusedstep" in text)


def test_a_contender_has_its_own_item_size():
    narrow = Contender("a", FUSEDSTEP, "operator", item=2)
    work = Work("a", "b", data.Size(10, 4), (narrow,), states=3)
    assert work.least_bytes(narrow) == 7 * 10 * 4 * 2
