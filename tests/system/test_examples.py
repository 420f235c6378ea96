"""The examples, at a small size."""

import importlib.util
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

# Of torch's own modules, when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")

EXAMPLES = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Where dataclasses look for it.
    sys.modules[spec.name] = module
    with pytest.MonkeyPatch.context() as patch:
        # As when it is run.
        patch.syspath_prepend(EXAMPLES)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def census() -> ModuleType:
    return example("census")


@pytest.fixture(scope="module")
def word_vectors() -> ModuleType:
    return example("word_vectors")


@pytest.fixture(scope="module")
def jax_embedding() -> ModuleType:
    pytest.importorskip("optax")
    return example("jax_embedding")


@pytest.fixture(autouse=True)
def torch_threads() -> Iterator[None]:
    """Puts torch's number of threads back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def planted(rows: int, names: bool = False) -> str:
    """People whose label is told by their colour and size together, never by one of the two; the rest is noise."""
    random = np.random.default_rng(5)
    colour, large, age, noise = (random.integers(0, most, rows) for most in (2, 2, 70, 9))
    label = np.where(random.random(rows) < 0.1, random.integers(0, 2, rows), colour ^ large)
    lines = ["colour, size, age, letter, label"] if names else []
    for row in range(rows):
        size = "?" if row % 50 == 0 else ("small", "large")[large[row]]
        cells = (("red", "blue")[colour[row]], size, str(age[row]) if row % 30 else "", "abcdefghi"[noise[row]])
        lines.append(", ".join((*cells, ("no", "yes")[label[row]])))
    return "\n".join(lines) + "\n\n"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    file = tmp_path / "people.csv"
    file.write_text(planted(1500), encoding="utf-8")
    return file


def results(census: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[float]]:
    """AUC, log-loss and non-zero weights, by optimizer, as they are printed."""
    assert census.main([*arguments, "--bits", "12", "--batch", "64"]) == 0
    table = capsys.readouterr().out.splitlines()[3:]
    return {line.split()[0]: [float(cell.replace(",", "")) for cell in line.split()[1:4]] for line in table}


def test_census_finds_what_two_columns_tell_together(
    census: ModuleType, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = results(census, capsys, str(people), "--l1", "1", "--epochs", "6")
    assert found.keys() == {"FTRL", "ProximalAdagrad"}
    for auc, log_loss, _ in found.values():
        # One label in twenty is wrong; none of the columns alone is better than chance.
        assert auc > 0.85
        assert log_loss < 0.5


def test_census_l1_leaves_fewer_weights(census: ModuleType, people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weak, strong = (results(census, capsys, str(people), "--l1", l1) for l1 in ("0", "10"))
    for optimizer in weak:
        assert 0 < strong[optimizer][2] < 0.8 * weak[optimizer][2]


def test_census_is_the_same_each_time(census: ModuleType, people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, other = (results(census, capsys, str(people), "--seed", seed) for seed in "334")
    assert first == second != other


def test_census_reads_names_and_missing_values(census: ModuleType, people: Path, tmp_path: Path) -> None:
    named = tmp_path / "named.csv"
    named.write_text(planted(1500, names=True), encoding="utf-8")
    bare, told = census.load(people, sys.maxsize - 1), census.load(named, sys.maxsize - 1)
    assert bare.tokens.shape == (1500, 4)
    assert np.array_equal(bare.tokens, told.tokens)
    assert np.array_equal(bare.labels, told.labels)
    assert len(census.load(named, 100).labels) == 100
    # No two columns share a token; ages are in buckets, and no age is one more.
    assert sum(len(np.unique(column)) for column in bare.tokens.T) == len(np.unique(bare.tokens)) == 2 + 3 + 17 + 9
    assert len(np.unique(bare.tokens[::30, 2])) == 1
    assert not np.isin(bare.tokens[1::30, 2], bare.tokens[0, 2]).any()


def test_census_names_the_same_weights_in_every_process(census: ModuleType) -> None:
    crosses = census.Crosses(3, 22)
    named = crosses(np.array([[1, 2, 3], [1, 2, 6]], np.uint64))
    assert named.shape == (2, 7)
    assert named[0].tolist() == [1418373, 3601550, 496855, 3918892, 2553574, 3978961, 1812751]
    # What the third column has no part in.
    assert (named[0] == named[1]).tolist() == [True, True, False, True, False, False, False]
    many = crosses(np.arange(3 * 20_000, dtype=np.uint64).reshape(-1, 3) + np.uint64(1))
    assert len(many.unique()) > 0.97 * many.numel()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("", "empty"),
        ("\n\n", "empty"),
        ("a\nb\n", "0 columns"),
        ("1,x\n1,x\n2,y\n3,z\n", "3 values, expected 2"),
        ("1,x\n2,y,z\n", "line 2 has 3 cells, expected 2"),
        ("1,x\n2,y\n1,x\n2,y\n", "4 rows are too few"),
        (",".join("1" * 70) + "\n", "69 columns"),
    ],
)
def test_census_refuses_what_it_cannot_use(
    census: ModuleType, content: str | None, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    assert census.main([str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"census.py: {file}: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_folder_is_no_file_of_rows(census: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert census.main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("census.py: ")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("census", ["rows.csv", "--rows", "0"]),
        ("census", ["rows.csv", "--bits", "40"]),
        ("census", ["rows.csv", "--l1", "nan"]),
        ("census", ["rows.csv", "--batch", "two"]),
        ("census", []),
        ("word_vectors", ["--steps", "0"]),
        ("word_vectors", ["--dim", "1"]),
        ("word_vectors", ["--output", "map.xyz"]),
        ("word_vectors", ["--output", "nowhere/map.png"]),
        ("jax_embedding", ["--features", "1"]),
        ("jax_embedding", ["--l1", "-1"]),
    ],
)
def test_options_are_refused_before_any_work(
    name: str, arguments: list[str], request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        request.getfixturevalue(name).main(arguments)
    assert left.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_word_vectors_learn_from_the_standard_library(
    word_vectors: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    train = word_vectors.train

    def watched(*arguments: object) -> object:
        vectors, said = train(*arguments)
        losses.extend(said)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
        return vectors, said

    monkeypatch.setattr(word_vectors, "train", watched)
    picture = tmp_path / "map.png"
    small = ["--words", "400", "--dim", "16", "--steps", "60", "--batch", "1024", "--lr", "0.02"]
    folder = Path(word_vectors.__file__).parent.parent / "src"
    assert word_vectors.main([*small, "--folder", str(folder), "--output", str(picture)]) == 0
    assert len(losses) == 10
    assert losses[-1] < 0.9 * losses[0]
    assert "list: " in capsys.readouterr().out
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", content[16:24])
    assert 1000 <= width <= 3000
    assert 600 <= height <= 2000
    assert len(content) > 20_000


def trained(module: ModuleType, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, list[float]]:
    """Log-loss, rows that were seen and those of them that are not 0, by optimizer, as they are printed."""
    assert module.main([*arguments, "--features", "5000", "--steps", "40", "--batch", "256"]) == 0
    lines = [line.rsplit(maxsplit=4) for line in capsys.readouterr().out.splitlines()[1:]]
    return {name: [float(cell.replace(",", "")) for cell in cells] for name, _, *cells in lines}


def test_jax_embedding_learns_with_few_rows(jax_embedding: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    found = trained(jax_embedding, capsys)
    (loss, seen, left), (_, all_seen, all_left) = found["ftrl_proximal"], found["optax.adam, dense"]
    assert loss < 0.6
    assert seen == all_seen == all_left
    assert 0 < left < 0.5 * seen
    assert trained(jax_embedding, capsys) == found
    assert trained(jax_embedding, capsys, "--l1", "0")["ftrl_proximal"][2] == seen


@pytest.mark.parametrize(
    ("folder", "message"), [("", "too short"), ("nowhere", "no folder"), ("short.py", "no folder")]
)
def test_word_vectors_refuse_what_is_no_text(
    word_vectors: ModuleType, folder: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "short.py").write_bytes(b"# Alpha beta\xff\x00")
    (tmp_path / "empty.py").write_text("")
    picture = tmp_path / "map.png"
    assert word_vectors.main(["--folder", str(tmp_path / folder), "--output", str(picture)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"word_vectors.py: {tmp_path / folder}")
    assert message in error
    assert not picture.exists()


@pytest.mark.parametrize(
    ("name", "missing", "extra"),
    [
        ("census", "sklearn", "torch,demo"),
        ("word_vectors", "matplotlib", "torch,demo"),
        ("jax_embedding", "optax", "jax"),
        ("train_embeddings", "torch", "torch"),
    ],
)
def test_a_missing_package_is_one_sentence(
    name: str, missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.split(".")[0] == missing]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=rf'{name}.py needs {missing}.*pip install "fusedstep\[{extra}\]"'):
        example(name)


def test_word_vectors_split_names_into_words(word_vectors: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "names.py").write_text("parseHTTPHeader(read_line, x1)  # Read a line")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "left_out.py").write_text("other words")
    text = word_vectors.load(tmp_path, 100)
    assert sorted(text.words[:2]) == ["line", "read"]
    assert text.counts.tolist() == [2, 2, 1, 1, 1]
    assert [text.words[number] for number in text.stream] == ["parse", "http", "header", "read", "line", "read", "line"]


@pytest.fixture(scope="module")
def train_embeddings() -> ModuleType:
    return example("train_embeddings")


def test_edits_leave_the_losses_of_the_plain_program(train_embeddings: ModuleType) -> None:
    small = {"rows": 300, "batch": 8, "steps": 12}
    plain, *edited = [train_embeddings.train(edits, **small)[1] for edits in (0, 1, 2, 3)]
    assert plain[0] > plain[-1]
    for losses in edited:
        np.testing.assert_allclose(losses, plain, rtol=1e-5)
    touched = train_embeddings.train(5, **small)[1]
    assert touched[0] == pytest.approx(plain[0], rel=1e-6)
    assert abs(touched[-1] - plain[-1]) > 1e-6


def test_each_line_of_edits_is_a_process_of_its_own() -> None:
    """Memory that is kept is kept in that process alone."""
    program = [sys.executable, str(EXAMPLES / "train_embeddings.py"), "--rows", "50", "--batch", "4", "--steps", "7"]
    done = subprocess.run([*program, "--edits", "4"], capture_output=True, text=True, check=True, timeout=300)
    assert re.fullmatch(r"4\. fs\.torch\.keep_freed_memory\(\) +[\d.]+ +[\d.]+\n", done.stdout)
    refused = subprocess.run([*program, "--edits", "6"], capture_output=True, text=True, check=False, timeout=300)
    assert refused.returncode == 2
    assert "6, expected a number from 0 to 5" in refused.stderr
