"""What a package index gets: the archive of sources, and the description that it shows."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
pytest.importorskip("hatchling", reason="builds the archive")


def load_hook() -> Any:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOK = load_hook()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of sources, unpacked."""
    folder = tmp_path_factory.mktemp("archive")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (unpacked,) = (each for each in folder.iterdir() if each.is_dir())
    return unpacked


def targets(markdown: str) -> Iterator[str]:
    """Where the links and pictures of a text point, those of HTML too."""
    parser = pytest.importorskip("markdown_it", reason="reads Markdown").MarkdownIt("commonmark", {"html": True})
    for token in parser.parse(markdown):
        for each in (token, *(token.children or ())):
            yield from (str(value) for name, value in each.attrs.items() if name in ("href", "src"))
            if each.type in ("html_block", "html_inline"):
                yield from re.findall(r"""(?:href|src)=["']([^"']*)""", each.content)


def test_the_archive_holds_all_that_contributors_need(sources: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("git does not hold these sources")
    there = {str(path.relative_to(sources)) for path in sources.rglob("*") if path.is_file()}
    assert there == {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()} | {"PKG-INFO"}


@pytest.mark.parametrize("verb", ["quick", "test", "lint", "docs", "test-lower-bounds", "perf-check", "gpu-check"])
def test_the_archive_has_each_command(verb: str, sources: Path) -> None:
    make = shutil.which("make") or pytest.skip("make is not installed")
    done = subprocess.run([make, "--dry-run", verb], cwd=sources, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    named = re.findall(r"(?<=\s)(?:src|tests|benchmarks|docs)(?:/[\w.-]+)*", done.stdout)
    missing = {name for name in named if name != "docs/_build/html" and not (sources / name).exists()}
    assert not missing


def test_the_description_of_the_archive_points_nowhere_else(sources: Path) -> None:
    described = HeaderParser().parsestr((sources / "PKG-INFO").read_text(encoding="utf-8"))
    assert described["Description-Content-Type"] == "text/markdown"
    text = described.get_payload()
    assert "This is a complete operator." in text
    assert [target for target in targets(text) if not re.match("(https?|mailto):", target)] == []
    # Not changed in code.
    assert "indices = np.array([2, 0, 2])  # row 2 occurs twice: its gradients are summed first\n" in text


README = """
A [page](docs/page.md), its [part](docs/page.md#part), [`code.py`](code.py), [here](#here), [there](https://there.example/x).

![picture](docs/picture.png)

```python
values[0](docs)
```
"""


def test_links_of_a_description_without_a_repository() -> None:
    text = HOOK.description(README, {})
    assert (
        "A page: `docs/page.md`, its part: `docs/page.md`, `code.py`, here, [there](https://there.example/x)." in text
    )
    assert "picture" not in text
    assert "values[0](docs)\n" in text


def test_links_of_a_description_with_a_repository() -> None:
    text = HOOK.description(README, {"Repository": "https://forge.example/us/it/"})
    assert "A [page](https://forge.example/us/it/blob/main/docs/page.md), its [part](https://forge.example/" in text
    assert "[`code.py`](https://forge.example/us/it/blob/main/code.py), here, [there](https://there.example/x)." in text
    assert "![picture](https://forge.example/us/it/raw/main/docs/picture.png)" in text
    assert "values[0](docs)\n" in text
    assert all(target.startswith("https://") for target in targets(text))
