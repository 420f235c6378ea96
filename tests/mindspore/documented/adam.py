"""The documented examples of Adam and its relatives."""

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

POWERS = {"beta1_power": 0.9, "beta2_power": 0.999, "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
MOMENTS = {"var": State(ONES), "m": State(ONES), "v": State(ONES)}

EXAMPLES = [
    Example(
        "Adam",
        {**MOMENTS, **POWERS, "gradient": Given(ONES)},
        ("[[0.9996838 0.9996838] [0.9996838 0.9996838]]",),
        shows="var",
    ),
    Example(
        "AdamNoUpdateParam",
        {
            "m": State([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]]),
            "v": State([[0.1, 0.1, 0.1], [0.2, 0.2, 0.2]]),
            **tensors(POWERS),
            "gradient": Given([[0.1, 0.1, 0.1], [0.1, 0.1, 0.1]]),
        },
        ("[[-0.00010004 -0.00010004 -0.00010004] [-0.00013441 -0.00013441 -0.00013441]]",),
    ),
    Example(
        "ApplyAdamWithAmsgrad",
        {
            "var": State([[0.2, 0.2], [0.2, 0.2]]),
            "m": State([[0.1, 0.2], [0.4, 0.3]]),
            "v": State([[0.2, 0.1], [0.3, 0.4]]),
            "vhat": State([[0.1, 0.2], [0.6, 0.2]]),
            **tensors({"beta1_power": 0.9, "beta2_power": 0.999, "lr": 0.01}),
            "grad": Given([[0.4, 0.2], [0.2, 0.3]]),
        },
        ("[[0.19908068 0.1985858] [0.19844866 0.19849943]]",),
        shows="var",
        settings={"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "use_locking": False},
        home="P",
    ),
    Example(
        "ApplyAdamWithAmsgradV2",
        {
            "var": State([[0.2, 0.2], [0.2, 0.2]]),
            "m": State([[0.1, 0.2], [0.4, 0.3]]),
            "v": State([[0.2, 0.1], [0.3, 0.4]]),
            "vhat": State([[0.1, 0.2], [0.6, 0.2]]),
            **POWERS,
            "lr": 0.01,
            "beta1": 0.8,
            "grad": Given([[0.4, 0.2], [0.2, 0.3]]),
        },
        ("[[0.19886853 0.1985858] [0.19853032 0.19849943]]",),
        shows="var",
        settings={"use_locking": False},
    ),
    Example(
        "ApplyAdaMax",
        {
            "var": State(VAR),
            "m": State(SLOT),
            "v": State([[0.9, 0.1], [0.7, 0.8]]),
            **tensors({"beta1_power": 0.9, "lr": 0.001, "beta1": 0.9, "beta2": 0.99, "epsilon": 1e-10}),
            "grad": Given(GRAD),
        },
        (
            "[[5.93602717e-01 3.92571449e-01] [9.72582996e-02 4.92249995e-01]]",
            "[[5.69999993e-01 5.19999981e-01] [1.89999998e-01 6.20000005e-01]]",
            "[[8.90999973e-01 6.99999988e-01] [6.93000019e-01 8.00000012e-01]]",
        ),
    ),
    Example(
        "AdamWeightDecay",
        {**MOMENTS, "lr": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "decay": 0.0, "gradient": Given(ONES)},
        ("[[0.999 0.999] [0.999 0.999]]",),
        shows="var",
    ),
    Example(
        "FusedCastAdamWeightDecay",
        {
            "var": State(ONES, "float16"),
            "m": State(ONES),
            "v": State(ONES),
            "lr": 0.001,
            "beta1": 0.9,
            "beta2": 0.999,
            "epsilon": 1e-8,
            "decay": 0.0,
            "gradient": Given(ONES, "float16"),
            "global_norm": 1.0,
        },
        ("[[0.999 0.999] [0.999 0.999]]",),
        shows="var",
        graph=True,
        silent="both moments stay 1: the update is lr in each element",
    ),
    Example(
        "FusedSparseAdam",
        {
            "var": State(TABLE),
            "m": State(TABLE),
            "v": State(TABLE),
            **tensors(POWERS),
            "gradient": TWO_ROWS,
            "indices": ROWS,
        },
        ("[[[0.9997121 0.9997121]] [[0.9997121 0.9997121]] [[0.99971527 0.99971527]]]",),
        shows="var",
    ),
    Example(
        "FusedSparseLazyAdam",
        {
            "var": State(TABLE),
            "m": State(TABLE),
            "v": State(TABLE),
            **tensors(POWERS),
            "gradient": TWO_ROWS,
            "indices": ROWS,
        },
        ("[[[0.9997121 0.9997121]] [[0.9997121 0.9997121]] [[1. 1.]]]",),
        shows="var",
    ),
]
