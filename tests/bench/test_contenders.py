"""Contenders: what they are given, and that they need no other library than their own."""

from pathlib import Path

import numpy as np
import pytest

from fusedstep.bench import libraries, measure
from fusedstep.bench.contenders import tables
from fusedstep.bench.works import Contender, Work


def test_batches_follow_their_law():
    size = tables.Size(1_000, 2, 4_000)
    drawn = np.concatenate(tables.indices(size))
    counts = np.sort(np.bincount(drawn, minlength=1_000))[::-1]
    weights = np.arange(1, 1_001) ** -1.2
    assert drawn.min() >= 0
    assert counts[:3] / drawn.size == pytest.approx(weights[:3] / weights.sum(), rel=0.1)
    assert tables.distinct(tables.Size(20_000, 1, 28_000, law="uniform")) == pytest.approx(15_070, rel=0.01)
    assert tables.table(size, 0).min() >= 0


def test_streaming_moves_what_it_is_asked_to():
    from fusedstep.bench.contenders import streaming

    for states, changed, read_only in ((1, 40, 40), (2, 40, 20), (3, 20, 40), (3, 40, 0)):
        (step,) = streaming.stream(tables.Size(1, 1), states=states, changed=changed, read_only=read_only)
        step.run()
        shares = step.run.args[0]
        moved = [len(share.args) * share.args[0].nbytes for share in shares if share.func is not streaming.read]
        read = [share.args[0].nbytes for share in shares if share.func is streaming.read]
        assert sum(moved) + sum(read) == states * changed + read_only


def test_no_contender_needs_fusedstep_but_its_own():
    for library in libraries.PEERS:
        name = libraries.LIBRARIES[library].file
        text = (Path(measure.__file__).parent / "contenders" / f"{name}.py").read_text(encoding="utf-8")
        assert "import fusedstep" not in text
        assert "from fusedstep" not in text


def test_a_contender_has_its_own_item_size():
    narrow = Contender("a", "fusedstep", "operator", item=2)
    work = Work("a", "b", tables.Size(10, 4), (narrow,), states=3)
    assert measure.least_bytes(work, narrow) == 7 * 10 * 4 * 2
