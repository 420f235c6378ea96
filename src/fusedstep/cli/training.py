"""Trains one contender, timing its steps and following them with the float64 rule."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from .contenders import Contender
from .digits import CLASSES, TABLE_ROWS, Digits, accuracy, softmax_errors, spread
from .reference import Reference


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        contender: who ran.
        milliseconds: the median time of a step, spent in the optimizer alone.
        accuracy: the share of held-out pictures that are told rightly.
        nonzero: how many weights are not zero.
        largest: the largest weight, whatever its sign.
        difference: the largest distance of a weight from the float64 rule's, given the same gradients.
    """

    contender: Contender
    milliseconds: float
    accuracy: float
    nonzero: int
    largest: float
    difference: float


def train(contender: Contender, digits: Digits, schedule: Sequence[np.ndarray], advance: Callable[[], None]) -> Result:
    """Trains a table of zeros on a schedule of batches, telling ``advance`` of each step.

    The float64 rule takes the gradients of the weights that are trained, not its own: what differs in the end is the
    optimizer's rounding alone.
    """
    states = [np.full((TABLE_ROWS, CLASSES), start, np.float32) for start in contender.starts]
    table = states[0]
    gradient = np.empty((digits.ids[schedule[0]].size, CLASSES), np.float32)
    warm_up(contender, states, gradient, digits.ids[schedule[0]])
    prepare = contender.begin(states)
    reference = Reference(contender.rule, contender.rows, contender.starts, digits)
    seconds = []
    for number, pictures in enumerate(schedule, start=1):
        ids = digits.ids[pictures]
        spread(softmax_errors(table, ids, digits.labels[pictures]), gradient)
        scalars = contender.scalars(number)
        step = prepare(gradient, ids.reshape(-1), scalars)
        started = perf_counter()
        step()
        seconds.append(perf_counter() - started)
        reference.step(pictures, gradient, scalars)
        advance()
    return Result(
        contender,
        median(seconds) * 1000,
        accuracy(table, digits),
        int(np.count_nonzero(table)),
        float(np.abs(table).max()),
        reference.largest_difference(table),
    )


def warm_up(contender: Contender, states: list[np.ndarray], gradient: np.ndarray, ids: np.ndarray) -> None:
    """Takes a step on a copy, so that compiling is neither timed nor a part of the training."""
    gradient[:] = 0
    contender.begin([state.copy() for state in states])(gradient, ids.reshape(-1), contender.scalars(1))()
