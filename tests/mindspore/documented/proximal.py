"""The documented examples of FTRL and the proximal operators."""

import numpy as np

from tests.mindspore.documented.example import (
    GRAD,
    ONES,
    ROWS,
    SLOT,
    TABLE,
    TWO_ROWS,
    VAR,
    Example,
    Given,
    State,
    tensors,
)

EXAMPLES = [
    Example(
        "ApplyFtrl",
        {
            "var": State(VAR),
            "accum": State(SLOT),
            "linear": State([[0.9, 0.1], [0.7, 0.8]]),
            "grad": Given(GRAD),
            "lr": 0.001,
            "l1": 0.0,
            "l2": 0.0,
            "lr_power": -0.5,
        },
        ("[[0.0390525 0.11492836] [0.00066425 0.15075898]]",),
        shows="var",
    ),
    Example(
        "FusedSparseFtrl",
        {"var": State(TABLE), "accum": State(TABLE), "linear": State(TABLE), "grad": TWO_ROWS, "indices": ROWS},
        ("[[[-0.00598256 -0.00598256]] [[-0.00598256 -0.00598256]] [[1. 1.]]]",),
        shows="var",
        settings={"lr": 0.01, "l1": 0.0, "l2": 0.0, "lr_power": -0.5},
    ),
    Example(
        "SparseApplyFtrl",
        {
            "var": State([[0.2]]),
            "accum": State([[0.1]]),
            "linear": State([[0.6]]),
            "grad": Given([[0.7]]),
            "indices": Given([1], "int32"),
        },
        ("[[2.00000003e-01]]", "[[1.00000001e-01]]", "[[6.00000024e-01]]"),
        # The table has one row: MindSpore reads and writes behind it, and prints what is in it.
        refused=r"IndexError: SparseApplyFtrl: indices[0] is 1, expected 0 to 0",
        instead={"grad": Given(np.zeros((0, 1))), "indices": Given([], "int32")},
        settings={"lr": 0.01, "l1": 0.0, "l2": 0.0, "lr_power": -0.5},
    ),
    Example(
        "ApplyProximalAdagrad",
        {"var": State(VAR), "accum": State(SLOT), "lr": 0.01, "l1": 0.0, "l2": 0.0, "grad": Given(GRAD)},
        (
            "[[5.96388459e-01 3.92964751e-01] [9.78178233e-02 4.92815793e-01]]",
            "[[6.90000057e-01 9.90000010e-01] [2.10000008e-01 1.24000001e+00]]",
        ),
    ),
    Example(
        "FusedSparseProximalAdagrad",
        {
            "var": State(TABLE),
            "accum": State(TABLE),
            **tensors({"lr": 0.01, "l1": 0.0, "l2": 0.0}),
            "grad": TWO_ROWS,
            "indices": ROWS,
        },
        ("[[[0.99900496 0.99900496]] [[0.99900496 0.99900496]] [[1. 1.]]]",),
        shows="var",
    ),
    Example(
        "SparseApplyProximalAdagrad",
        {
            "var": State([[4.1, 7.2], [1.1, 3.0]]),
            "accum": State([[0, 0], [0, 0]]),
            "lr": 1.0,
            "l1": 1.0,
            "l2": 0.0,
            "grad": Given(ONES),
            "indices": ROWS,
        },
        (
            "[[2.09999990e+00 5.19999981e+00] [0.00000000e+00 1.00000000e+00]]",
            "[[1.00000000e+00 1.00000000e+00] [1.00000000e+00 1.00000000e+00]]",
        ),
    ),
    Example(
        "ApplyProximalGradientDescent",
        {"var": State(ONES), "alpha": 0.001, "l1": 0.1, "l2": 0.1, "delta": Given([[0.1, 0.1], [0.1, 0.1]])},
        ("[[0.99969995 0.99969995] [0.99969995 0.99969995]]",),
    ),
    Example(
        "SparseApplyProximalGradientDescent",
        {
            "var": Given([[4.1, 7.2], [1.1, 3.0]]),
            **tensors({"alpha": 1.0, "l1": 1.0, "l2": 0.0}),
            "grad": Given(ONES),
            "indices": ROWS,
        },
        ("[[2.1 5.2] [0. 1.]]",),
        home="nn_ops",
    ),
]
