"""The documented examples of optimizers beside MindSpore's own, where that is installed."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import fusedstep.mindspore as face
from tests.mindspore.test_optim_documented_examples import EXAMPLES, grouped, network, run


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield pytest.importorskip("mindspore")


# MindSpore has no kernels of Lamb and of the centralization for the CPU.
@pytest.mark.parametrize("calls", ["parameters", "groups"])
@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "Lamb"])
def test_mindspore_steps_the_same(name: str, calls: str, real: Any) -> None:
    after = []
    for package in (face, real):
        net = network(package)
        if calls == "groups":
            optimizer = grouped(name, package, net, without="grad_centralization")
        else:
            optimizer = getattr(package.nn, name)(params=net.trainable_params(), **EXAMPLES[name].plain)
        after.append(run(optimizer, net.trainable_params(), package))
    for ours, theirs in zip(*after, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-6, atol=1e-6)
