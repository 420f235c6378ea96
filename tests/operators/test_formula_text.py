"""LaTeX formulas as plain text."""

import pytest

from fusedstep.operators.formula_text import readable


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\beta_1 m + (1 - \beta_1) g", "beta1 m + (1 - beta1) g"),
        (r"w - \frac{lr}{\sqrt{v} + \epsilon} g", "w - lr / (sqrt(v) + epsilon) * g"),
        (r"\frac{a + b}{c} \cdot \frac{a \cdot b}{c^2}", "(a + b) / c * a * b / c^2"),
        (r"\frac{\sqrt{1 - \beta_2^t}}{1 - \beta_1^t}", "sqrt(1 - beta2^t) / (1 - beta1^t)"),
        (r"accum^{-lr\_power}", "accum^(-lr_power)"),
        (r"w_{t+1} = \hat{v}_t", "w_(t+1) = v_hat_t"),
        (r"\max\left(|p| - lr\, l_1, 0\right)", "max(|p| - lr l1, 0)"),
        (r"\lVert w \rVert \leq \infty", "||w|| <= inf"),
        (r"\operatorname{sign}(p)", "sign(p)"),
        (r"\lfloor g / s \rfloor \bmod 2", "floor(g / s) % 2"),
        (r"\left\lceil \tanh(g) \right\rceil", "ceil(tanh(g))"),
        (r"\frac{lr}{v} \left(m + g\right)", "lr / v * (m + g)"),
        (r"\begin{cases} g & stat > 0 \\ m & stat \le 0 \end{cases}", "{ g if stat > 0; m if stat <= 0 }"),
        (
            r"w &= \begin{cases} 0, & \text{if } |z| \le l_1 \\ z & \text{else} \end{cases} \\ v &= 1",
            "w = { 0 if |z| <= l1; z else }\nv = 1",
        ),
    ],
)
def test_formulas_are_readable(latex: str, text: str) -> None:
    assert readable(latex) == text
