"""Word vectors from the text of Python's standard library: skip-gram with negative sampling and deferred Adam.

    python examples/word_vectors.py

Every step looks up few rows of two large tables, yet Adam moves every row in every step. Deferred rows catch up on the
steps that they owe when they are next looked up: what is computed is Adam, at about the price of the rows looked up.
"""

import argparse
import os
import re
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from arguments import between

import fusedstep as fs

try:
    import torch
    from matplotlib.figure import Figure
    from sklearn.cluster import KMeans
except ModuleNotFoundError as missing:
    sys.exit(f'word_vectors.py needs {missing.name}, not installed here: pip install "fusedstep[torch,demo]"')

# Words of identifiers are split where underscores and capitals say so.
WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])")
# Packages of others, texts written to be tested, and tables of letters.
LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings"}
WINDOW = 5
NEGATIVES = 128  # drawn for each batch
WEIGHT = 5  # of them against a pair's neighbour
FREQUENT = 1e-4  # the share of the text from which on words are left out now and then
SELDOM = 30
MAPPED = 150
ASKED = ("self", "list", "open", "thread", "int", "error", "file", "path", "time", "class")


@dataclass(frozen=True)
class Text:
    """A text as numbers of words.

    Attributes:
        words: the vocabulary, the most frequent word first.
        counts: how often each word comes.
        stream: the text, word by word; what is not in the vocabulary is left out.
    """

    words: list[str]
    counts: np.ndarray
    stream: np.ndarray


def load(folder: Path, most: int) -> Text:
    """Reads the Python files of a folder."""
    if not folder.is_dir():
        raise ValueError("is no folder, expected one with Python files")
    files = sorted(file for file in folder.rglob("*.py") if not LEFT_OUT & set(file.relative_to(folder).parts))
    said: list[str] = []
    for file in files:
        said += map(str.lower, WORD.findall(file.read_text(encoding="utf-8", errors="replace")))
    common = Counter(said).most_common(most)
    numbers = {word: number for number, (word, _) in enumerate(common)}
    stream = np.array([numbers[word] for word in said if word in numbers], np.int64)
    return Text(list(numbers), np.array([count for _, count in common]), stream)


def pairs(text: Text, random: np.random.Generator) -> np.ndarray:
    """Each word with each neighbour in its window, shuffled: ``(pairs, 2)``; frequent words are mostly left out."""
    share = text.counts / len(text.stream)
    kept = text.stream[random.random(len(text.stream)) < np.sqrt(FREQUENT / share)[text.stream]]
    reach = random.integers(1, WINDOW + 1, len(kept))
    found = [np.empty((0, 2), np.int64)]
    for distance in range(1, min(WINDOW, len(kept) - 1) + 1):
        near = np.stack((kept[:-distance], kept[distance:]), axis=1)
        found += [near[reach[:-distance] >= distance], near[reach[distance:] >= distance, ::-1]]
    return random.permutation(np.concatenate(found))


def batches(text: Text, options: argparse.Namespace) -> Iterator[tuple[Any, Any]]:
    """Pairs of words for each step, and words that were drawn by chance, the same on every call."""
    random = np.random.default_rng(options.seed)
    drawn = np.cumsum(text.counts**0.75)
    left = options.steps
    while left:
        found = pairs(text, random)
        if not len(found):
            raise ValueError("the text of its Python files is too short, expected thousands of words")
        for start in range(0, len(found), options.batch)[:left]:
            negatives = np.searchsorted(drawn, random.random(NEGATIVES) * drawn[-1])
            yield torch.from_numpy(found[start : start + options.batch]), torch.from_numpy(negatives)
        left -= min(left, -(-len(found) // options.batch))


def train(text: Text, options: argparse.Namespace) -> tuple[np.ndarray, list[float]]:
    """Trains vectors; returns those of the words, and the mean loss of a pair in each tenth of the steps."""
    torch.manual_seed(options.seed)
    center, context = (torch.nn.Embedding(len(text.words), options.dim, sparse=True) for _ in range(2))
    torch.nn.init.normal_(center.weight, std=options.dim**-0.5)
    torch.nn.init.zeros_(context.weight)
    parameters = [center.weight, context.weight]
    optimizer = fs.torch.Adam(parameters, lr=options.lr, defer=[center, context])
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, options.steps)
    softplus = torch.nn.functional.softplus
    losses: list[float] = []
    tenth: list[float] = []
    for step, (both, negatives) in enumerate(progress(batches(text, options), options.steps), 1):
        optimizer.zero_grad()
        words = center(both[:, 0])
        others = context(torch.cat((both[:, 1], negatives)))
        near, far = (words * others[: len(both)]).sum(1), words @ others[len(both) :].T
        # The whole batch is told from the same words drawn by chance: one product of matrices.
        loss = softplus(-near).sum() + softplus(far).sum() * (WEIGHT / NEGATIVES)
        loss.backward()
        optimizer.step()
        schedule.step()
        tenth.append(loss.item() / len(both))
        if step * 10 // options.steps > len(losses):
            losses.append(float(np.mean(tenth)))
            tenth.clear()
            print(f"step {step:>6,}  loss {losses[-1]:.3f}")
    with optimizer.up_to_date():
        vectors = center.weight.detach().numpy().copy()
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True), losses


def progress(batches: Iterable[Any], steps: int) -> Iterable[Any]:
    """A bar on a terminal, where rich is installed."""
    try:
        from rich.progress import track
    except ModuleNotFoundError:
        return batches
    return track(batches, "Training", total=steps, transient=True, disable=not sys.stdout.isatty())


def neighbours(text: Text, vectors: np.ndarray, word: str) -> list[str]:
    """The nearest words by cosine, of those that come often enough to be known."""
    alike = vectors @ vectors[text.words.index(word)]
    alike[text.counts < SELDOM] = -1
    return [text.words[other] for other in np.argsort(-alike) if text.words[other] != word][:7]


def draw(text: Text, vectors: np.ndarray, file: Path) -> None:
    """Saves a map of the most frequent words by their two principal components, coloured by what is close in all."""
    shown = vectors[:MAPPED] - vectors[:MAPPED].mean(axis=0)
    places = np.linalg.svd(shown, full_matrices=False)[0][:, :2]
    colours = KMeans(min(10, len(shown)), n_init=10, random_state=0).fit_predict(shown)
    size, inches = 11, np.array((13.0, 9.0))
    # Everything in points; letters of this font are 0.602 of its size wide.
    boxes = np.array([(0.602 * size * (len(word) + 1), 1.3 * size) for word in text.words[:MAPPED]])
    # Halfway to their ranks, so that the middle is not crowded.
    places = places / np.abs(places).max(axis=0) + places.argsort(axis=0).argsort(axis=0) / (len(places) / 2)
    places = (places - places.min(axis=0)) / np.maximum(np.ptp(places, axis=0), 1e-9)
    places = apart((0.05 + (0.9, 0.85) * places) * inches * 72, boxes)
    figure = Figure(figsize=tuple(inches))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, inches[0] * 72), ylim=(0, inches[1] * 72))
    axes.set_axis_off()
    title = (
        f"The {len(shown)} most frequent words: two principal components; colours cluster all {shown.shape[1]} numbers"
    )
    axes.text(inches[0] * 36, inches[1] * 72 - 22, title, fontsize=14, ha="center")
    for word, place, colour in zip(text.words[:MAPPED], places, colours, strict=False):
        axes.text(
            place[0],
            place[1],
            word,
            color=f"C{colour}",
            fontsize=size,
            family="DejaVu Sans Mono",
            ha="center",
            va="center",
        )
    figure.savefig(file, dpi=120)


def apart(places: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Pushes boxes that overlap apart, each time along the shorter way."""
    room = (boxes[:, None] + boxes) / 2
    for _ in range(1000):
        between = places[:, None] - places
        overlap = np.maximum(room - np.abs(between), 0)
        overlap[(overlap == 0).any(axis=2) | np.eye(len(places), dtype=bool)] = 0
        if not overlap.any():
            break
        overlap[np.arange(len(places))[:, None], np.arange(len(places)), overlap.argmax(axis=2)] = 0
        places = places + 0.3 * (np.sign(between) * overlap).sum(axis=1)
    return places


def run(options: argparse.Namespace) -> list[float]:
    """Trains, then says which words are alike and draws the map; returns the losses."""
    started = time.perf_counter()
    text = load(options.folder, options.words)
    print(f"{len(text.stream):,} words of text, {len(text.words):,} different ones")
    vectors, losses = train(text, options)
    print(f"{time.perf_counter() - started:.0f} seconds\n")
    known = set(text.words)
    for word in [word for word in ASKED if word in known] or text.words[:5]:
        print(f"{word:>8}: {' '.join(neighbours(text, vectors, word))}")
    draw(text, vectors, options.output)
    print(f"\nPicture: {options.output}")
    return losses


def picture(text: str) -> Path:
    """A file that a picture can be saved to: better said now than after the work."""
    path = Path(text)
    if path.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a name that ends in .png, .pdf or .svg")
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be written, expected a file in a folder that can")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = partial(parser.add_argument, metavar="N")
    parser.add_argument("--folder", type=Path, default=sysconfig.get_path("stdlib"), help="read its Python files")
    parser.add_argument("--output", type=picture, default="word_vectors.png", help="the picture (default: %(default)s)")
    add("--words", type=between(int, 2, 10**6), default=20_000, help="learn the most frequent N (default: %(default)s)")
    add("--dim", type=between(int, 2, 1024), default=64, help="numbers in a vector (default: %(default)s)")
    add("--steps", type=between(int, 1, 10**7), default=4400, help="(default: %(default)s)")
    add("--batch", type=between(int, 1, 2**20), default=2048, help="pairs of words a step (default: %(default)s)")
    add("--lr", type=between(float, 0, 1), default=0.004, help="the step size at the start (default: %(default)s)")
    add("--seed", type=between(int, 0, 2**32), default=0, help="of all that is drawn by chance (default: %(default)s)")
    options = parser.parse_args(arguments)
    # Steps are small: more threads would wait for one another longer than they work.
    torch.set_num_threads(1)
    try:
        run(options)
    except (OSError, ValueError) as problem:
        place = getattr(problem, "filename", None) or options.folder
        print(f"word_vectors.py: {place}: {getattr(problem, 'strerror', None) or problem}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
