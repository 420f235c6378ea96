"""The documented examples of gradient descent, momentum, LARS and the sign operators."""

import numpy as np

from tests.mindspore.documented.example import GRAD, ONES, ROWS, SLOT, VAR, Example, Given, State, SumOfSquares

EXAMPLES = [
    Example(
        "ApplyGradientDescent",
        {"var": State(ONES), "alpha": 0.001, "delta": Given([[0.1, 0.1], [0.1, 0.1]])},
        ("[[0.9999 0.9999] [0.9999 0.9999]]",),
    ),
    Example(
        "ApplyMomentum",
        {
            "variable": State(VAR),
            "accumulation": State(SLOT),
            "learning_rate": Given(0.1),
            "gradient": Given(GRAD),
            "momentum": Given(0.9),
        },
        ("[[0.51600003 0.285] [0.072 0.366]]",),
    ),
    # Its documentation refers to the usage of momentum, with two inputs more; these two change nothing.
    Example(
        "FusedWeightScaleApplyMomentum",
        {
            "weight_decay": Given(0.0),
            "loss_scale": Given(1.0),
            "variable": State(VAR),
            "accumulation": State(SLOT),
            "learning_rate": Given(0.1),
            "gradient": Given(GRAD),
            "momentum": Given(0.9),
        },
        ("[[0.51600003 0.285] [0.072 0.366]]",),
        silent="as ApplyMomentum",
    ),
    Example(
        "ApplyKerasMomentum",
        {
            "var": State([[0.2, 0.3], [0.1, 0.4]]),
            "accum": State([[0.2, 0.3], [0.1, 0.4]]),
            "lr": Given(0.001),
            "grad": Given([[0.3, 0.2], [0.4, 0.1]]),
            "momentum": Given(0.99),
        },
        (
            "[[3.97700012e-01 5.96800029e-01] [1.98599994e-01 7.95899987e-01]]",
            "[[1.97699994e-01 2.96800017e-01] [9.86000001e-02 3.95900011e-01]]",
        ),
        settings={"use_locking": False, "use_nesterov": False},
        home="P",
    ),
    Example(
        "SGD",
        {
            "parameters": Given([2, -0.5, 1.7, 4]),
            "gradient": Given([1, -1, 0.5, 2]),
            "learning_rate": Given(0.01),
            "accum": Given([0.1, 0.3, -0.2, -0.1]),
            "momentum": Given(0.1),
            "stat": Given([1.5, -0.3, 0.2, -0.7]),
        },
        ("[1.99 -0.4903 1.695 3.9801]",),
    ),
    Example(
        "SparseApplyMomentum",
        {
            "var": Given([[4.1, 7.2], [1.1, 3.0]]),
            "accum": Given([[2.2, 3.0], [3.1, 0.5]]),
            "lr": Given(0.01),
            "grad": Given([[0.3, 0.2], [0.4, 0.1]]),
            "indices": ROWS,
            "momentum": Given(0.99),
        },
        ("[[4.07522 7.1682997] [1.06531 2.99405]]",),
        home="nn_ops",
    ),
    Example(
        "LARSUpdate",
        {
            "weight": Given([[0.5, 0.8, 0.2], [0.6, 0.4, 0.2]]),
            "gradient": Given([[0.4, 0.4, 0.5], [0.2, 0.4, 0.3]]),
            "norm_weight": SumOfSquares("weight"),
            "norm_gradient": SumOfSquares("gradient"),
            "weight_decay": 0.0,
            "learning_rate": 1.0,
        },
        ("[[0.0005265 0.0005265 0.00065813] [0.00026325 0.0005265 0.00039488]]",),
    ),
    Example(
        "ApplyAddSign",
        {
            "var": State(VAR),
            "m": State(SLOT),
            "lr": 0.001,
            "alpha": 1.0,
            "sign_decay": 0.99,
            "beta": 0.9,
            "grad": Given(GRAD),
        },
        (
            "[[5.99403024e-01 3.98607016e-01] [9.98010039e-02 4.98407990e-01]]",
            "[[5.70000052e-01 5.19999981e-01] [1.89999998e-01 6.20000064e-01]]",
        ),
    ),
    Example(
        "ApplyPowerSign",
        {
            "var": State(VAR),
            "m": State(SLOT),
            "lr": 0.001,
            "logbase": np.e,
            "sign_decay": 0.99,
            "beta": 0.9,
            "grad": Given(GRAD),
        },
        (
            "[[5.95575690e-01 3.89676481e-01] [9.85252112e-02 4.88201708e-01]]",
            "[[5.70000052e-01 5.19999981e-01] [1.89999998e-01 6.20000064e-01]]",
        ),
    ),
]
