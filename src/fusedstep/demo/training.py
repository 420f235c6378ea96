"""Training with one optimizer: its steps are timed, and followed by the rule in float64."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np

from .digits import CLASSES, TABLE_ROWS, Digits, accuracy, softmax_errors, spread
from .optimizers import Optimizer
from .reference import Reference


@dataclass(frozen=True)
class Result:
    """The result of training with one optimizer.

    Attributes:
        optimizer: the optimizer.
        milliseconds: the median time of the optimizer's step.
        accuracy: the fraction of held-out pictures that are classified correctly.
        nonzero: the number of weights that are not zero.
        largest: the largest absolute weight.
        difference: the largest difference between a weight and the float64 rule's, for the same gradients.
    """

    optimizer: Optimizer
    milliseconds: float
    accuracy: float
    nonzero: int
    largest: float
    difference: float


def train(optimizer: Optimizer, digits: Digits, schedule: Sequence[np.ndarray], advance: Callable[[], None]) -> Result:
    """Train a table of zeros on a schedule of batches; call ``advance`` after each step.

    The float64 rule takes the gradients of the trained weights, not of its own: in the end only the optimizer's
    rounding differs.
    """
    states = [np.full((TABLE_ROWS, CLASSES), start, np.float32) for start in optimizer.initial]
    table = states[0]
    gradient = np.empty((digits.ids[schedule[0]].size, CLASSES), np.float32)
    warm_up(optimizer, states, gradient, digits.ids[schedule[0]])
    prepare = optimizer.begin(states)
    reference = Reference(optimizer.rule, optimizer.rows, optimizer.initial, digits)
    seconds = []
    for number, pictures in enumerate(schedule, start=1):
        ids = digits.ids[pictures]
        spread(softmax_errors(table, ids, digits.labels[pictures]), gradient)
        scalars = optimizer.scalars(number)
        step = prepare(gradient, ids.reshape(-1), scalars)
        started = perf_counter()
        step()
        seconds.append(perf_counter() - started)
        reference.step(pictures, gradient, scalars)
        advance()
    return Result(
        optimizer,
        median(seconds) * 1000,
        accuracy(table, digits),
        int(np.count_nonzero(table)),
        float(np.abs(table).max()),
        reference.largest_difference(table),
    )


def warm_up(optimizer: Optimizer, states: list[np.ndarray], gradient: np.ndarray, ids: np.ndarray) -> None:
    """Take a step on copies, so that compilation is not timed and the training is unaffected."""
    gradient[:] = 0
    optimizer.begin([state.copy() for state in states])(gradient, ids.reshape(-1), optimizer.scalars(1))()
