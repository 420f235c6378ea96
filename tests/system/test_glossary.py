"""The glossary: its terms stand in order, and the source uses none of the words that it retires."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

import fusedstep

PACKAGE = Path(fusedstep.__file__).parent
SOURCES = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")}
DOCS = Path(__file__).parents[2] / "docs"
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in (*DOCS.glob("*.md"), *DOCS.parent.glob("*.md"))}


@dataclass(frozen=True)
class Retired:
    """A name that is retired: where it is checked, and where it may stand."""

    name: str
    prose: bool
    places: tuple[str, ...]
    exceptions: tuple[str, ...]

    def applies_to(self, file: str) -> bool:
        return file.startswith(self.places or ("",)) and not file.startswith(self.exceptions)

    def uses(self, names: Iterable[str], prose: str) -> bool:
        """Whether the name is an identifier or a part of one, or its words stand in prose."""
        parts = parts_of(self.name)
        words = r"[_\s]+".join(map(re.escape, self.name.split("_")))
        return any(contains(parts_of(each), parts) for each in names) or bool(
            self.prose and re.search(rf"\b{words}\b", prose)
        )


def parts_of(name: str) -> list[str]:
    """The words of an identifier, in snake case or camel case.

    >>> parts_of("row_pitch"), parts_of("DiskCache")
    (['row', 'pitch'], ['Disk', 'Cache'])
    """
    return re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", name)


def contains(whole: list[str], part: list[str]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole)))


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading of the glossary."""
    section = GLOSSARY.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def quoted(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def retired_names() -> list[Retired]:
    return [
        Retired(name, "prose" in where, quoted(where), quoted(exceptions))
        for names, _, where, exceptions in table("Retired names")
        for name in quoted(names)
    ]


def retired_phrases() -> list[str]:
    return [phrase.strip() for phrases, _ in table("Retired phrases") for phrase in phrases.split(",")]


def tokens(source: str, *types: int) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in types:
            yield token.string


# From Python 3.12 on, an f-string is several tokens.
STRINGS = [getattr(tokenize, name) for name in ("STRING", "FSTRING_MIDDLE") if hasattr(tokenize, name)]


@cache
def names_of(file: str, source: str) -> set[str]:
    """The identifiers of a source file, and those of its path."""
    return {*tokens(source, tokenize.NAME), *Path(file).with_suffix("").parts}


@cache
def prose_of(source: str) -> str:
    """Comments and strings, as running text."""
    texts = tokens(source, tokenize.COMMENT, *STRINGS)
    return re.sub(r"[\s#]+", " ", "\n".join(texts))


def phrases_in(text: str) -> list[str]:
    """The retired phrases of a text; code in quotes is no prose, and "there is none" is a sentence."""
    plain = re.sub(r"``?[^`]*``?", "", text)
    return [each for each in retired_phrases() if re.search(rf"(?<!there )\b{re.escape(each)}\b", plain)]


@pytest.mark.parametrize("retired", retired_names(), ids=lambda retired: retired.name)
def test_a_retired_name_is_not_used(retired: Retired) -> None:
    used = [
        file
        for file, source in SOURCES.items()
        if retired.applies_to(file) and retired.uses(names_of(file, source), prose_of(source))
    ]
    assert not sorted(used)


def test_retired_phrases_are_not_used() -> None:
    texts = {file: prose_of(source) for file, source in SOURCES.items()} | PAGES
    texts.pop("glossary.md")
    found = {file: phrases_in(text) for file, text in texts.items()}
    assert not {file: phrases for file, phrases in sorted(found.items()) if phrases}


@pytest.mark.parametrize("page", sorted(PAGES.keys() - {"glossary.md"}))
def test_pages_use_no_retired_name(page: str) -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", PAGES[page], flags=re.S)
    assert [each.name for each in retired_names() if each.prose and each.uses((), prose)] == []


def test_a_name_with_one_meaning_is_one_class() -> None:
    names = quoted(GLOSSARY.partition("\nOne class")[2].partition("\n\n")[0])
    assert names
    places: dict[str, set[str]] = {}
    for file, source in SOURCES.items():
        for node in ast.parse(source).body:
            if isinstance(node, ast.ClassDef) and node.name in names:
                # Backends are siblings.
                places.setdefault(node.name, set()).add(re.sub(r"/(cpu|gpu|xla)/", "/*/", file))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_terms_stand_in_order_and_once() -> None:
    terms = [term.lower() for term in re.findall(r"^- \*\*(.+?)\*\*", GLOSSARY, re.M)]
    assert len(terms) > 50
    assert terms == sorted(terms)
    assert Counter(terms).most_common(1)[0][1] == 1


def test_a_place_or_an_exception_exists() -> None:
    places = {place for retired in retired_names() for place in (*retired.places, *retired.exceptions)}
    assert places
    assert [place for place in places if not (PACKAGE / place).exists()] == []


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("row_pitch = 4", True),
        ("class RowPitch: ...\npitch = 1", True),
        ("def f(pitches): ...", False),
        ("x = 1  # the pitch of a row", True),
        ('"""Rows lie a\n\npitch apart."""', True),
        ('raise ValueError(f"{x} has no pitch")', True),
        ("row_stride = 4  # pitching", False),
    ],
)
def test_the_check_sees_names_and_prose(source: str, used: bool) -> None:
    pitch = next(each for each in retired_names() if each.name == "pitch")
    assert pitch.uses(names_of("loops/rows.py", source), prose_of(source)) is used


def test_the_check_sees_file_names_places_and_exceptions() -> None:
    by_name = {each.name: each for each in retired_names()}
    assert by_name["heavy_rows"].uses(names_of("loops/gpu/heavy_rows.py", ""), "")
    assert by_name["named"].applies_to("loops/cpu/grouping.py")
    assert not by_name["named"].applies_to("jax/named.py")
    assert by_name["reach"].applies_to("operators/operator.py")
    assert not by_name["reach"].applies_to("rules/moments.py")


def test_the_check_sees_phrases() -> None:
    assert phrases_in(prose_of('"""It is\n    none."""')) == ["is none"]
    assert phrases_in("there is none; `x is none`") == []
    assert phrases_in("What a scalar comes to is of no matter.") == ["comes to", "of no matter"]
