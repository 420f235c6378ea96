"""The step of ``AdamWeightDecay`` in tensor arithmetic."""

import numpy as np
import pytest

from fusedstep.mindspore import Parameter, Tensor, ops
from fusedstep.mindspore.nn.optim.adam import _update_run_op


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("decays", [True, False])
def test_it_is_the_step_of_the_operator(dtype: type, decays: bool) -> None:
    random = np.random.default_rng(0)
    arrays = [np.abs(random.normal(size=(3, 4))).astype(dtype) for _ in range(4)]
    one, other = ([Parameter(Tensor(each), name=name) for each, name in zip(arrays, "pmv", strict=False)] for _ in "ab")
    beta1, beta2, eps, lr, decay = (Tensor(np.float32(value)) for value in (0.9, 0.999, 1e-6, 0.125, 0.5))
    gradient = Tensor(arrays[3])
    stepped = _update_run_op(beta1, beta2, eps, lr, decay, *one, gradient, decays, True)
    ops.AdamWeightDecay()(*other, lr, beta1, beta2, eps, decay if decays else 0.0, gradient)
    rtol = 1e-6 if dtype is np.float32 else 2e-3
    for found, wanted in zip([stepped, *one[1:]], other, strict=True):
        np.testing.assert_allclose(found.asnumpy(), wanted.asnumpy(), rtol=rtol)
    assert one[0].asnumpy().tolist() == stepped.asnumpy().tolist()


def test_a_filtered_parameter_does_not_step() -> None:
    gradient = Tensor([1.0])
    assert (
        _update_run_op(*[Tensor(0.5)] * 5, *[Parameter([1.0], name=name) for name in "pmv"], gradient, True, False)
        is gradient
    )
