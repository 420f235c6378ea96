"""A wide linear model of a CSV file: logistic regression over all columns, pairs and triples of columns.

    python examples/census.py adult.csv

Every value of a column, every pair and every triple of values in a row is hashed to one of 2^22 weights. Most of them
are worth nothing: l1 makes these exactly 0, and FTRL and ProximalAdagrad are what trains with l1.

On the 32,561 rows of UCI's Adult, whose label is an income of more than 50,000 dollars, a fifth of them held out:

    optimizer            AUC  log-loss     non-zero
    FTRL              0.9223    0.2908       10,771
    ProximalAdagrad   0.9213    0.2930       68,295
    FTRL              0.9138    0.3112      245,264    --l1 0
    ProximalAdagrad   0.9157    0.3059      245,264    --l1 0
    FTRL              0.9222    0.2915        4,848    --l1 20
    ProximalAdagrad   0.9199    0.2961       48,913    --l1 20

The last column is the label. A first line of names is found out; "?" and empty cells are missing values.
"""

import argparse
import csv
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from arguments import between

import fusedstep as fs

try:
    import torch
    from sklearn.metrics import log_loss, roc_auc_score
except ModuleNotFoundError as missing:
    sys.exit(f'census.py needs {missing.name}, not installed here: pip install "fusedstep[torch,demo]"')

MISSING = ("", "?")
MOST_COLUMNS = 60  # a row of 60 has 34,220 triples
BUCKETS = 16
HELD_OUT = 0.2


@dataclass(frozen=True)
class Census:
    """What a file says.

    Attributes:
        tokens: a number for the value in each column, ``(rows, columns)``; no two columns share one.
        labels: 0 or 1, ``(rows,)``.
    """

    tokens: np.ndarray
    labels: np.ndarray

    def part(self, rows: np.ndarray) -> "Census":
        """Some of the rows."""
        return Census(self.tokens[rows], self.labels[rows])


def read(path: Path, most: int) -> list[list[str]]:
    """The cells of the file's first rows, without blank lines and the line of names."""
    rows: list[list[str]] = []
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file, skipinitialspace=True)
        for cells in lines:
            if cells:
                rows.append([cell.strip() for cell in cells])
                if len(cells) != len(rows[0]):
                    raise ValueError(f"line {lines.line_num} has {len(cells)} cells, expected {len(rows[0])}")
            if len(rows) > most:
                break
    # Names are told by the last one, which is not one of the labels.
    named = len(rows) > 1 and all(row[-1] != rows[0][-1] for row in rows[1:])
    return rows[named:][:most]


def load(path: Path, most: int) -> Census:
    """Reads the file and gives values their numbers."""
    rows = read(path, most)
    if not rows:
        raise ValueError("the file is empty, expected rows of cells")
    *columns, labels = zip(*rows, strict=True)
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise ValueError(f"there are {len(columns)} columns before the label, expected 1 to {MOST_COLUMNS}")
    if len(set(labels)) != 2:
        raise ValueError(f"the last column has {len(set(labels))} values, expected 2, such as 0 and 1")
    values = np.stack([numbered(column) for column in columns], axis=1)
    tokens = values * len(columns) + np.arange(len(columns)) + 1
    return Census(tokens.astype(np.uint64), (np.array(labels) == max(labels)).astype(np.float32))


def numbered(cells: Sequence[str]) -> np.ndarray:
    """A number for each value of a column, 0 for a missing one; neighbouring numbers share a bucket."""
    column = np.array(cells, object)
    present = ~np.isin(column, MISSING)
    result = np.zeros(len(column), np.int64)
    try:
        numbers = column[present].astype(np.float64)
        numeric = len(numbers) > 0 and bool(np.isfinite(numbers).all())
    except ValueError:
        numeric = False
    if numeric:
        # Quantiles of distinct numbers: where most rows say 0, buckets tell the others apart.
        edges = np.quantile(np.unique(numbers), np.linspace(0, 1, BUCKETS + 1)[1:-1])
        result[present] = 1 + np.searchsorted(edges, numbers, side="right")
    else:
        result[present] = 1 + np.unique(column[present], return_inverse=True)[1]
    return result


def mixed(numbers: np.ndarray) -> Any:
    """The finaliser of SplitMix64: each bit of what comes out depends on every bit put in."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))


class Crosses:
    """Names the weights of rows: one for each value, each pair and each triple of values."""

    def __init__(self, columns: int, bits: int) -> None:
        pairs = list(combinations(range(columns), 2))
        triples = [(pairs.index((first, second)), third) for first, second, third in combinations(range(columns), 3)]
        self.pairs, self.triples = (np.array(each, np.int64).reshape(-1, 2).T for each in (pairs, triples))
        self.shift = np.uint64(64 - bits)

    def __call__(self, tokens: np.ndarray) -> Any:
        """The weights that each row names, ``(rows, crosses)``."""
        single = mixed(tokens)
        pair = mixed(single[:, self.pairs[0]] + tokens[:, self.pairs[1]])
        triple = mixed(pair[:, self.triples[0]] + tokens[:, self.triples[1]])
        return torch.from_numpy((np.concatenate((single, pair, triple), axis=1) >> self.shift).astype(np.int64))


@dataclass(frozen=True)
class Result:
    """What training came to: the quality on held-out rows, how many weights are not 0, and the seconds it took."""

    auc: float
    log_loss: float
    nonzero: int
    seconds: float


def batches(census: Census, options: argparse.Namespace) -> Iterator[Census]:
    """The rows to learn from, in another order each time round, the same on every call."""
    random = np.random.default_rng(options.seed)
    for _ in range(options.epochs):
        order = random.permutation(len(census.labels))
        for start in range(0, len(order), options.batch):
            yield census.part(order[start : start + options.batch])


def train(optimizer: str, settings: dict[str, Any], learn: Census, held_out: Census, options: Any) -> Result:
    """Trains a model whose weights start at 0, and tests it."""
    name = Crosses(learn.tokens.shape[1], options.bits)
    table = torch.nn.EmbeddingBag(2**options.bits, 1, mode="sum", sparse=True, _weight=torch.zeros(2**options.bits, 1))
    # Deferred: each step shrinks weights that no row of its batch names too, when they are next looked up.
    steps = getattr(fs.torch, optimizer)(table.parameters(), l2=options.l2, defer=[table], **settings)
    started = time.perf_counter()
    for batch in batches(learn, options):
        steps.zero_grad()
        logits = table(name(batch.tokens)).squeeze(1)
        # Summed, so that l1 is measured in rows.
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logits, torch.from_numpy(batch.labels), reduction="sum"
        )
        loss.backward()
        steps.step()
    seconds = time.perf_counter() - started
    with torch.no_grad(), steps.up_to_date():
        nonzero = int(table.weight.count_nonzero())
        cuts = np.array_split(held_out.tokens, 1 + len(held_out.labels) // options.batch)
        chances = torch.cat([torch.sigmoid(table(name(some)).squeeze(1).double()) for some in cuts]).numpy()
    auc, loss = roc_auc_score(held_out.labels, chances), log_loss(held_out.labels, chances)
    return Result(float(auc), float(loss), nonzero, seconds)


def compare(options: argparse.Namespace) -> dict[str, Result]:
    """Trains with each optimizer."""
    census = load(options.file, options.rows)
    order = np.random.default_rng(options.seed).permutation(len(census.labels))
    held_out, learn = (census.part(rows) for rows in np.split(order, [round(HELD_OUT * len(order))]))
    if any(len(np.unique(part.labels)) < 2 for part in (learn, held_out)):
        raise ValueError(f"{len(order)} rows are too few: a label is missing among those to learn from or held out")
    print(f"{len(learn.labels):,} rows to learn from, {len(held_out.labels):,} held out, 2^{options.bits} weights\n")
    print(f"{'optimizer':<16} {'AUC':>7} {'log-loss':>9} {'non-zero':>12} {'seconds':>8}")
    steps = options.epochs * -(-len(learn.labels) // options.batch)
    # FTRL counts its penalty once, ProximalAdagrad in each step.
    settings = {
        "FTRL": {"lr": 0.03, "l1": options.l1, "beta": 1.0},
        "ProximalAdagrad": {
            "lr": 0.02,
            "shrink_by_rate": True,
            "l1": options.l1 / steps,
            "initial_accumulator_value": 1.0,
        },
    }
    results = {}
    for optimizer, chosen in settings.items():
        results[optimizer] = each = train(optimizer, chosen, learn, held_out, options)
        print(f"{optimizer:<16} {each.auc:>7.4f} {each.log_loss:>9.4f} {each.nonzero:>12,} {each.seconds:>8.1f}")
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = partial(parser.add_argument, metavar="N")
    parser.add_argument("file", type=Path, help="a CSV file whose last column has two values")
    add("--rows", type=between(int, 1, sys.maxsize - 1), default=sys.maxsize - 1, help="read so many (default: all)")
    add("--bits", type=between(int, 1, 28), default=22, help="2^N weights (default: %(default)s)")
    add("--epochs", type=between(int, 1, 1000), default=3, help="(default: %(default)s)")
    add("--batch", type=between(int, 1, 65536), default=256, help="rows a step (default: %(default)s)")
    add("--l1", type=between(float, 0, 1e9), default=10.0, help="what makes weights 0 (default: %(default)s)")
    add("--l2", type=between(float, 0, 1e9), default=0.0, help="what makes weights small (default: %(default)s)")
    add("--seed", type=between(int, 0, 2**32), default=0, help="of the order of rows (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        compare(options)
    except (OSError, ValueError, csv.Error) as problem:
        print(f"census.py: {options.file}: {getattr(problem, 'strerror', None) or problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
