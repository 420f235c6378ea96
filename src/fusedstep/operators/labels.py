"""The names of an operator and its arguments in error messages, and how its calls run."""

from typing import NamedTuple

from .checks.options import parse_counter, parse_flag, parse_rounding


class Labels(NamedTuple):
    """The names of an operator and its arguments in error messages.

    Attributes:
        operator: the operator.
        states: the states, in the rule's order.
        gradient: the gradient.
        variable: the array with which states are compared; by default the first state in use.
    """

    operator: str
    states: tuple[str, ...]
    gradient: str = "grad"
    variable: str = ""


class Options(NamedTuple):
    """How the calls of an operator run.

    Attributes:
        use_locking: run calls that share memory one after another.
        stochastic: round 16-bit states stochastically.
        seed: the seed of stochastic rounding.
        check_indices: check indices on a device, which waits for the device.
        flat_rows: a row has all dimensions of the variable but the first. Without it, rules that see rows need two
            dimensions.
    """

    use_locking: bool = False
    stochastic: bool = False
    seed: int = 0
    check_indices: bool = True
    flat_rows: bool = False


DEFAULTS = Options()


def parse_options(operator: str, use_locking: bool, rounding: str, seed: int, check_indices: bool) -> Options:
    """The options of a constructor, checked.

    Raises:
        TypeError, ValueError: an option is invalid.
    """
    stochastic, number = parse_rounding(operator, rounding), parse_counter(operator, "seed", seed)
    locking, checking = (
        parse_flag(operator, name, value)
        for name, value in (("use_locking", use_locking), ("check_indices", check_indices))
    )
    return Options(locking, stochastic, number, checking)
