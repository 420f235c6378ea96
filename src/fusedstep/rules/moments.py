r"""The closed form of Adam's idle steps: a decaying mean over the root of a decaying mean square.

With a zero gradient, :math:`j` steps leave :math:`\beta_1^j m` and :math:`\beta_2^j v`, and the j-th moves the weight
by :math:`-l_j \beta_1^j m / (\beta_2^{j/2} \sqrt v + e_j)`, where :math:`l_j` is the weight of the step, and
:math:`e_j` is epsilon, or in PyTorch epsilon times the root of :math:`1 - \beta_2^t`. Over k steps the sum is

.. math::
    -\frac{m}{d} \sum_j \frac{l_j \rho^j}{1 + x u_j}, \qquad
    \rho = \frac{\beta_1}{\sqrt{\beta_2}}, \quad d = \sqrt v + c, \quad x = \frac c d, \quad
    1 + u_j = \frac{e_j}{c\, \beta_2^{j/2}}, \quad c = \frac{e_1}{\sqrt{\beta_2}}

Only x differs between elements, and it is between 0 and 1: the sum is the series :math:`S_0 - S_1 x + S_2 x^2 - \dots`
with :math:`S_n = \sum_j l_j \rho^j u_j^n`. It is cut off after :math:`S_5`. The error is at most :math:`x^6` times the
``remainder``, and within the tolerance for x up to ``reach``. Sums are scaled by powers of ``reach``, since they may be
too large for float32.

If the betas change from step to step, their powers are products over the pending steps. Therefore the totals are kept.
"""

from collections.abc import Callable
from typing import Any

from .idle import ClosedForm, register, unless_any
from .words import abs, divide_or_zero, minimum, sqrt, where

Weight = Callable[..., tuple[Any, Any, Any]]


def idle_by_moments(rule: Callable[..., Any], unless: tuple[str, ...] = ()) -> Callable[[Weight], Weight]:
    """Declare the closed form of a rule of Adam's family.

    The function below returns three numbers of one step: its weight, the factor of epsilon, and the factor by which the
    weights shrink before the step.

    Args:
        rule: the rule.
        unless: scalars that must be 0 for the closed form to be valid.
    """

    def declare(weight: Weight) -> Weight:
        def kept(kept1: Any = 1.0, kept2: Any = 1.0, shrunk: Any = 1.0, **scalars: Any) -> tuple[Any, Any, Any]:
            return kept1 * scalars["beta1"], kept2 * scalars["beta2"], shrunk * weight(**scalars)[2]

        def moved(
            kept1: Any,
            kept2: Any,
            shrunk: Any,
            center: Any = 0.0,
            s0: Any = 0.0,
            s1: Any = 0.0,
            s2: Any = 0.0,
            s3: Any = 0.0,
            s4: Any = 0.0,
            s5: Any = 0.0,
            remainder: Any = 0.0,
            reach: Any = 1.0,
            *,
            tolerance: float,
            **scalars: Any,
        ) -> tuple[Any, ...]:
            step, place, _ = weight(**scalars)
            root = sqrt(kept2)
            center = where(center == 0, place / root, center)
            far = place / root / center
            term, sums = step * kept1 / root / shrunk, []
            for total in (s0, s1, s2, s3, s4, s5):
                sums.append(total + term)
                term = term * (far - 1)
            remainder = remainder + abs(term) / minimum(far, 1)
            allowed = tolerance * abs(sums[0])
            reach = where(remainder <= allowed, 1, sixth_root(allowed / remainder))
            return center, *sums, remainder, reach

        def fading(**scalars: Any) -> Any:
            return unless_any(unless, scalars, scalars["beta1"] / sqrt(scalars["beta2"]))

        register(rule, ClosedForm(moments_idle, kept, moved, fading, ("epsilon",)))
        return weight

    return declare


def sixth_root(x: Any) -> Any:
    """The sixth root of numbers from 1e-30 to 1, to about five digits, by words that have the same bits everywhere."""
    root = sqrt(x)
    fourth = sqrt(sqrt(root))
    sixteenth = sqrt(sqrt(fourth))
    sixty_fourth = sqrt(sqrt(sixteenth))
    # The exponents add up to 21/64; Newton's steps for the cube root do the rest.
    cube_root = fourth * sixteenth * sixty_fourth
    for _ in range(4):
        cube_root = (2 * cube_root + root / (cube_root * cube_root)) / 3
    return cube_root


def moments_idle(
    var: Any,
    m: Any,
    v: Any,
    *,
    epsilon: Any,
    kept1: Any,
    kept2: Any,
    shrunk: Any,
    center: Any,
    s0: Any,
    s1: Any,
    s2: Any,
    s3: Any,
    s4: Any,
    s5: Any,
    reach: Any,
) -> tuple[Any, Any, Any, Any]:
    """The new ``(var, m, v)``, and whether the series is valid for the element."""
    divisor = sqrt(v) + epsilon * center
    # One division an element; the condition needs none.
    inverse = divide_or_zero(1, divisor)
    x = epsilon * center / reach * inverse
    t1, t2, t3 = s1 * reach, s2 * reach * reach, s3 * reach * reach * reach
    t4, t5 = s4 * reach * reach * reach * reach, s5 * reach * reach * reach * reach * reach
    series = s0 - x * (t1 - x * (t2 - x * (t3 - x * (t4 - x * t5))))
    var = shrunk * (var - m * inverse * series)
    valid = (divisor > 0) & ((epsilon * center / reach <= divisor) | (m == 0))
    return var, kept1 * m, kept2 * v, valid
