"""The documented examples of RMSProp and Adafactor."""

import numpy as np

from tests.mindspore.documented.example import GRAD, ONES, ROWS, VAR, Example, Given, State, tensors

EXAMPLES = [
    Example(
        "ApplyRMSProp",
        {
            "var": State(ONES),
            "mean_square": Given(ONES),
            "moment": Given(ONES),
            "learning_rate": 0.01,
            "grad": Given(ONES),
            "decay": 0.0,
            "momentum": 1e-10,
            "epsilon": 0.001,
        },
        ("[[0.990005 0.990005] [0.990005 0.990005]]",),
        shows="var",
    ),
    Example(
        "SparseApplyRMSProp",
        {
            "var": State([[0.6, 0.3], [0.1, 0.5]]),
            "ms": State([[0.2, 0.4], [0.1, 0.3]]),
            "mom": State([[0.3, 0.1], [0.3, 0.6]]),
            "lr": 0.01,
            "grad": Given(GRAD),
            "indices": ROWS,
        },
        (
            "[[5.88035822e-01 2.88811117e-01] [9.10239667e-02 4.83422279e-01]]",
            "[[1.12000003e-01 4.72000003e-01] [2.80000009e-02 5.72000027e-01]]",
            "[[1.19641740e-02 1.11888833e-02] [8.97603668e-03 1.65777095e-02]]",
        ),
        settings={"rho": 0.2, "momentum": 0.01, "epsilon": 1e-6, "use_locking": False},
        home="P",
    ),
    Example(
        "ApplyCenteredRMSProp",
        {
            "var": State(ONES),
            "mean_gradient": Given(ONES),
            "mean_square": Given(ONES),
            "moment": Given(ONES),
            "grad": Given(ONES),
            "learning_rate": 0.01,
            "decay": 0.0,
            "momentum": 1e-10,
            "epsilon": 0.001,
        },
        ("[[0.68377227 0.68377227] [0.68377227 0.68377227]]",),
        shows="var",
    ),
    Example(
        "SparseApplyCenteredRMSProp",
        {
            "var": Given(VAR),
            "mg": Given([[0.1, 0.3], [0.1, 0.5]]),
            "ms": Given([[0.2, 0.1], [0.1, 0.2]]),
            "mom": Given([[0.2, 0.1], [0.1, 0.2]]),
            **tensors({"lr": 0.001, "rho": 1e-10, "momentum": 0.001, "epsilon": 0.01}),
            "grad": Given([[0.3, 0.4], [0.1, 0.2]]),
            "indices": ROWS,
        },
        ("[[0.5968 0.3959] [0.0989 0.4978]]",),
        home="nn_ops",
    ),
    Example(
        "FusedAdaFactor",
        {
            "epsilon": (1e-30, 1e-3),
            "clip_threshold": 1.0,
            "beta1": 0.9,
            "beta2": 0.8,
            "weight_decay": 1e-2,
            "learning_rate": 0.03,
            "gradient": Given(np.ones((2, 3, 2))),
            "param": State(np.ones((2, 3, 2))),
            "exp_avg": State(np.zeros((2, 3, 2))),
            "exp_avg_sq_row": State(np.zeros((2, 3))),
            "exp_avg_sq_col": State(np.zeros((2, 2))),
            "exp_avg_sq": State(np.zeros((2, 3, 2))),
        },
        ("[[[0.97 0.97] [0.97 0.97] [0.97 0.97]] [[0.97 0.97] [0.97 0.97] [0.97 0.97]]]",),
        shows="param",
        graph=True,
        silent="a row and a column of ones: the update is lr in each element",
    ),
]
