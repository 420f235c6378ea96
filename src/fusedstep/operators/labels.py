"""What errors call an operator and its arguments, and how its calls run."""

from typing import NamedTuple

from .checks.options import parse_counter, parse_flag, parse_rounding


class Labels(NamedTuple):
    """What errors call an operator and its arguments.

    Attributes:
        operator: the operator.
        states: the states, in the rule's order.
        gradient: the gradient.
        variable: the array that states are compared with; by default the first state in use.
    """

    operator: str
    states: tuple[str, ...]
    gradient: str = "grad"
    variable: str = ""


class Options(NamedTuple):
    """How the calls of an operator run.

    Attributes:
        use_locking: whether calls that share memory follow one another.
        stochastic: whether 16-bit states are rounded stochastically.
        seed: of the stochastic rounding.
        check_indices: whether indices on a device are checked, which waits for the device.
        flat_rows: whether a row is all that an index of the first dimension names, in any number of dimensions; else
            rules that see rows need two dimensions.
    """

    use_locking: bool = False
    stochastic: bool = False
    seed: int = 0
    check_indices: bool = True
    flat_rows: bool = False


DEFAULTS = Options()


def parse_options(operator: str, use_locking: bool, rounding: str, seed: int, check_indices: bool) -> Options:
    """The options of a constructor.

    Raises:
        TypeError, ValueError: one is invalid.
    """
    stochastic, number = parse_rounding(operator, rounding), parse_counter(operator, "seed", seed)
    locking, checking = (
        parse_flag(operator, name, value)
        for name, value in (("use_locking", use_locking), ("check_indices", check_indices))
    )
    return Options(locking, stochastic, number, checking)
