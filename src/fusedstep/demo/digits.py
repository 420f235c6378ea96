"""The demo's problem: softmax regression on pictures of digits, by hashed ids of pixels and of pairs of pixels."""

from dataclasses import dataclass

import numpy as np

TABLE_ROWS = 2**20
CLASSES = 10
TRAIN_PICTURES = 1437
SEED = 0
# scikit-learn's pictures have 17 grey levels. Two neighbours share one here: otherwise most pairs occur only once.
GREY_LEVELS = 9


@dataclass(frozen=True)
class Digits:
    """The pictures, and the table rows that they look up.

    Attributes:
        ids: the table rows of each picture, ``(pictures, ids)``.
        labels: the digit on each picture.
        train, test: the numbers of the training pictures and of the held-out pictures.
        occurring: the rows of all pictures, ascending, each once.
        places: ``ids`` as positions in ``occurring``.
    """

    ids: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    occurring: np.ndarray
    places: np.ndarray


def load() -> Digits:
    """Load scikit-learn's bundled digits, with a fixed split into training and test pictures."""
    from sklearn.datasets import load_digits

    bundled = load_digits()
    ids = hashed_ids(bundled.data.astype(np.int64))
    occurring, places = np.unique(ids, return_inverse=True)
    order = np.random.default_rng(SEED).permutation(len(ids))
    train, test = order[:TRAIN_PICTURES], order[TRAIN_PICTURES:]
    return Digits(ids, bundled.target, train, test, occurring, places.reshape(ids.shape))


def hashed_ids(greys: np.ndarray) -> np.ndarray:
    """Table rows of grey levels 0 to 16, ``(pictures, pixels)``: one for each pixel, then one for each pair."""
    pixels = greys.shape[1]
    pixel = np.arange(pixels) * GREY_LEVELS + greys * GREY_LEVELS // 17
    first, second = np.triu_indices(pixels, 1)
    kinds = pixels * GREY_LEVELS
    pair = kinds + pixel[:, first] * kinds + pixel[:, second]
    return scatter(np.concatenate((pixel, pair), axis=1))


def scatter(numbers: np.ndarray) -> np.ndarray:
    """Hash integers to table rows with the finaliser of SplitMix64: its high bits depend on every input bit."""
    mixed = numbers.astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(64 - (TABLE_ROWS - 1).bit_length())).astype(np.int64)


def batches(digits: Digits, size: int, steps: int) -> list[np.ndarray]:
    """The picture numbers of each step: full batches, shuffled again in each epoch, the same in every call."""
    generator = np.random.default_rng(SEED)
    per_epoch = len(digits.train) // size
    epochs = [generator.permutation(digits.train) for _ in range(-(-steps // per_epoch))]
    return [epochs[step // per_epoch][step % per_epoch * size :][:size] for step in range(steps)]


def logits(table: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """The score of each digit: the sum of each picture's rows."""
    scores: np.ndarray = table.take(ids, axis=0).sum(axis=1)
    return scores


def softmax_errors(table: np.ndarray, ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the summed cross-entropy with respect to the logits: probabilities minus the one-hot labels."""
    scores = logits(table, ids)
    probabilities: np.ndarray = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    probabilities[np.arange(len(labels)), labels] -= 1
    return probabilities


def spread(errors: np.ndarray, gradient: np.ndarray) -> None:
    """Write the sparse gradient's rows: each picture's error, once for each of its ids."""
    gradient.reshape(len(errors), -1, CLASSES)[:] = errors[:, None]


def accuracy(table: np.ndarray, digits: Digits) -> float:
    """The fraction of held-out pictures whose largest logit is that of their digit."""
    found = np.concatenate([logits(table, digits.ids[some]).argmax(axis=1) for some in np.array_split(digits.test, 4)])
    return float((found == digits.labels[digits.test]).mean())
