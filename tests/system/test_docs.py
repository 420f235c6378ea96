"""The documentation: its examples run, it has a page for everything, and it builds without a warning."""

import doctest
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from benchmarks.gpu.least_bytes import least_bytes

import fusedstep as fs
from fusedstep import rules
from fusedstep.operators import catalogue
from tests.captured import capture
from tests.devices import INTERPRETED

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = sorted(DOCS.glob("*.md"))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """The file that writes pages."""
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_examples_print_what_the_page_says(page: Path) -> None:
    examples = "\n".join(re.findall(r"```pycon\n(.*?)```", page.read_text(encoding="utf-8"), re.S))
    told: list[str] = []
    test = doctest.DocTestParser().get_doctest(examples, {}, page.name, str(page), 0)
    doctest.DocTestRunner(verbose=False).run(test, out=told.append)
    assert not told, "".join(told)


@pytest.mark.gpu
def test_the_examples_on_a_device_print_what_the_page_says(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "gpu.md").read_text(encoding="utf-8"), re.S)
    names: dict[str, Any] = {"capture": capture}
    assert len(blocks) == 3
    for block in blocks:
        before = names["var"].clone() if "var" in names else None
        text = block.replace('"cuda"', repr(device))
        if INTERPRETED:
            text = text.replace(
                "graph = torch.cuda.CUDAGraph()\nwith torch.cuda.graph(graph):", "with capture() as graph:"
            )
        exec(text, names)  # noqa: S102 - the page's own text
        assert capsys.readouterr().out.splitlines() == re.findall(r"^# prints: (.*)$", block, re.M)
        if "FusedSparseLazyAdam" in block:
            assert not names["var"].equal(before)


def test_the_page_on_devices_counts_the_bytes_as_the_benchmark_does() -> None:
    page = (DOCS / "gpu.md").read_text(encoding="utf-8")
    lines = re.findall(r"^\| `(\w+)` \| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.M)
    assert len(lines) >= 9
    for rule, rows, *told in lines:
        counted = least_bytes(getattr(rules, rule), rows)
        assert [counted.element, counted.row, counted.gradient, counted.index] == list(map(int, told)), (rule, rows)


def test_some_pages_have_examples() -> None:
    assert len([page for page in WRITTEN if ">>>" in page.read_text(encoding="utf-8")]) >= 2


def test_the_explanation_is_short() -> None:
    assert len((DOCS / "explanation.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_page_about_words_names_every_word() -> None:
    page = (DOCS / "words.md").read_text(encoding="utf-8")
    table = "".join(re.findall(r"^\|.*", page, re.M))
    assert [name for name in fs.words.__all__ if f"`{name}`" not in table] == []


def test_every_operator_and_every_rule_has_a_page(generate: ModuleType, tmp_path: Path) -> None:
    generate.write(tmp_path)
    written = {path.relative_to(tmp_path).with_suffix("").as_posix() for path in tmp_path.rglob("*.rst")}
    assert written == {
        "operators/index",
        "operators/differences",
        "rules/index",
        *(f"operators/{entry.name}" for entry in catalogue.ENTRIES),
        *(f"rules/{name}" for name in rules.__all__),
    }
    tables = (tmp_path / "operators" / "index.rst").read_text(), (tmp_path / "rules" / "index.rst").read_text()
    for name in written - {"operators/index", "operators/differences", "rules/index"}:
        assert any(f"</{name}>`" in table for table in tables), name


def test_pages_are_written_once_and_removed_with_what_they_tell_of(generate: ModuleType, tmp_path: Path) -> None:
    generate.write(tmp_path)
    page, gone = tmp_path / "rules" / "adam.rst", tmp_path / "operators" / "NoSuchOperator.rst"
    gone.write_text("left over")
    before = page.stat().st_mtime_ns
    generate.write(tmp_path)
    assert page.stat().st_mtime_ns == before
    assert not gone.exists()


@pytest.mark.parametrize("entry", catalogue.ENTRIES, ids=lambda entry: entry.name)
def test_every_operator_has_an_example(entry: catalogue.Entry) -> None:
    assert f"fs.ops.{entry.name}(" in entry.example
    assert len(doctest.DocTestParser().get_examples(entry.example)) >= 3
    assert entry.example.strip() in (catalogue.OPERATORS[entry.name].__doc__ or "")


@pytest.mark.parametrize("name", rules.__all__)
def test_every_rule_has_an_example(name: str) -> None:
    assert f"{name}(" in (getattr(rules, name).__doc__ or "").partition(">>>")[2]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package)
    strict = ["--quiet", "--fail-on-warning", "--keep-going", "--nitpicky"]
    command = [
        sys.executable,
        "-m",
        "sphinx",
        *strict,
        "-d",
        str(tmp_path / "doctrees"),
        str(DOCS),
        str(tmp_path / "html"),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    for entry in catalogue.ENTRIES:
        assert entry.rule.__name__ in (tmp_path / "html" / "operators" / f"{entry.name}.html").read_text(
            encoding="utf-8"
        )
    assert (tmp_path / "html" / "_images" / "demo.png").exists()


def test_the_page_about_torch_names_every_class() -> None:
    pytest.importorskip("torch")
    page = (DOCS / "torch.md").read_text(encoding="utf-8")
    assert [name for name in fs.torch.__all__ if f"`{name}" not in page] == []
