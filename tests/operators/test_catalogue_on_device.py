"""Every documented operator with tensors on a device, beside its rule on NumPy arrays and the same call on the CPU."""

from typing import Any

import numpy as np
import pytest

from fusedstep.operators import catalogue
from fusedstep.verify.arguments import made
from fusedstep.verify.expected import Expected
from fusedstep.verify.results import special_arguments
from tests import reference
from tests.devices import on_device, on_host

pytestmark = pytest.mark.gpu

FLOAT32 = np.dtype(np.float32)
# Sums run in float32 on a device.
NEAR = 1e-5


def moved(value: Any) -> Any:
    """An argument on the device."""
    return on_device(value) if isinstance(value, np.ndarray) else value


@pytest.mark.parametrize("name", [entry.name for entry in catalogue.ENTRIES])
def test_operator(name: str, device: str) -> None:
    operator, values = made(name), special_arguments(name, "float32")
    expected = Expected(operator, values)
    given = {key: moved(value) for key, value in values.items()}
    returned = operator(**given)
    got = {key: given[key] for key in operator.state_names if key in given}
    if operator.entry.creates:
        created = returned if isinstance(returned, tuple) else (returned,)
        got |= dict(zip(operator.entry.returns or operator.entry.creates, created, strict=True))
    for key, tensor in got.items():
        array, want = on_host(tensor, FLOAT32), expected.after[key]
        if not expected.exact:
            np.testing.assert_allclose(array.astype(float), want, rtol=NEAR, atol=NEAR, err_msg=key)
        elif expected.signed_zeros:
            reference.assert_same_bits(array, want, key)
        else:
            reference.assert_same_bits(array + 0.0, want + np.float32(0.0), key)
