"""The documented examples of Adagrad, Adadelta and their relatives."""

from tests.mindspore.documented.example import GRAD, ROWS, SLOT, VAR, Example, Given, State, tensors

EXAMPLES = [
    Example(
        "ApplyAdagrad",
        {"var": State(VAR), "accum": State(SLOT), "lr": Given(0.001), "grad": Given(GRAD)},
        (
            "[[5.99638879e-01 3.99296492e-01] [9.97817814e-02 4.99281585e-01]]",
            "[[6.90000057e-01 9.90000010e-01] [2.10000008e-01 1.24000001e+00]]",
        ),
    ),
    Example(
        "ApplyAdagradV2",
        {"var": State(VAR), "accum": State(SLOT), "lr": Given(0.001), "grad": Given(GRAD)},
        (
            "[[5.99638879e-01 3.99296492e-01] [9.97817814e-02 4.99281585e-01]]",
            "[[6.90000057e-01 9.90000010e-01] [2.10000008e-01 1.24000001e+00]]",
        ),
        settings={"epsilon": 1e-6},
    ),
    Example(
        "SparseApplyAdagradV2",
        {"var": State([[0.2]]), "accum": State([[0.1]]), "grad": Given([[0.7]]), "indices": Given([0], "int32")},
        ("[[1.99999988e-01]]", "[[5.89999974e-01]]"),
        settings={"lr": 1e-8, "epsilon": 1e-6},
    ),
    Example(
        "ApplyAdagradDA",
        {
            "var": State(VAR),
            "gradient_accumulator": State([[0.1, 0.3], [0.1, 0.5]]),
            "gradient_squared_accumulator": State([[0.2, 0.1], [0.1, 0.2]]),
            "grad": Given([[0.3, 0.4], [0.1, 0.2]]),
            **tensors({"lr": 0.001, "l1": 0.001, "l2": 0.001}),
            "global_step": Given(2, "int32"),
        },
        ("[[-0.00073906 -0.00136889] [-0.00059699 -0.00142478]]",),
        settings={"use_locking": False},
    ),
    Example(
        "SparseApplyAdagradDA",
        {
            "var": State([[1, 2], [1, 2]]),
            "grad_accum": State([[2, 1], [3, 1]]),
            "grad_square_accum": State([[4, 1], [5, 1]]),
            "grad": Given([[5, 1], [6, 1]]),
            "indices": ROWS,
            **tensors({"lr": 2, "l1": -1, "l2": 1}),
            "global_step": Given(1, "int64"),
        },
        ("[[-1.8956923 -1.1715728] [-2.1420605 -1.1715728]]",),
        home="nn_ops",
    ),
    Example(
        "ApplyAdadelta",
        {
            "var": State(VAR),
            "accum": State(SLOT),
            "accum_update": State([[0.9, 0.1], [0.7, 0.8]]),
            **tensors({"lr": 0.001, "rho": 0.0, "epsilon": 1e-6}),
            "grad": Given(GRAD),
        },
        (
            "[[5.99051356e-01 3.99683774e-01] [9.91633832e-02 4.99105573e-01]]",
            "[[9.00000036e-02 4.89999980e-01] [1.00000007e-02 6.40000045e-01]]",
            "[[8.99990857e-01 1.00000791e-01] [6.99930906e-01 7.99999774e-01]]",
        ),
    ),
    Example(
        "SparseApplyAdadelta",
        {
            "var": State([[1.0, 2.0], [2.0, 3.0]]),
            "accum": State([[1.5, 2.5], [3.5, 4.5]]),
            "accum_update": State([[1.2, 2.4], [1.8, 0.6]]),
            "lr": 0.01,
            "rho": 0.2,
            "grad": Given(GRAD),
            "indices": ROWS,
        },
        (
            "[[9.94611859e-01 1.98851788e+00] [1.99840558e+00 2.99478507e+00]]",
            "[[3.72000009e-01 8.91999960e-01] [7.08000004e-01 1.41200006e+00]]",
            "[[4.72257614e-01 1.53470778e+00] [3.80338937e-01 3.37563992e-01]]",
        ),
        settings={"epsilon": 1e-6, "use_locking": False},
        home="P",
    ),
]
