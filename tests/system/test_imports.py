"""What importing fusedstep costs, and that inside it imports point downwards only."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fusedstep

PACKAGE = Path(fusedstep.__file__).parent
HEAVY = [
    "numba",
    "llvmlite",
    "torch",
    "cupy",
    "jax",
    "optax",
    "triton",
    "mindspore",
    "matplotlib",
    "sklearn",
    "rich",
    "ml_dtypes",
]

# From above to below; what stands in one row does not know its neighbours. Files that are part of the public face
# stand with the faces.
FLOW = [
    {"__main__"},
    {"cli"},
    {"bench", "demo", "porting", "verify"},
    {"mindspore", "torch", "jax", "ops", "words"},
    {"operators"},
    {"runtime"},
    {"arrays", "codegen"},
    {"loops", "rules"},
    {"storage", "interrupts", "source_text"},
]
# The package itself hands out everything, on first use; anyone may ask it for its version.
ROOT = ""


def room_of(path: Path) -> str:
    """The first name below the package: a folder, or a file that lies in the package itself."""
    name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return ROOT if name == "__init__" else name


def modules() -> dict[str, Path]:
    return {
        ".".join(("fusedstep", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def imports_of(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a file imports anywhere, in functions too, but not only for type checkers."""
    found = set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            found |= {f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source for alias in node.names}
    return {each for each in found if each in known}


MODULES = modules()
GRAPH = {name: imports_of(name, path, MODULES) for name, path in MODULES.items()}


def test_imports_are_found() -> None:
    # What the other tests rely on: relative imports of a module, of a name in one, and of a sibling.
    assert "fusedstep.runtime.cpu.threads" in GRAPH["fusedstep.runtime.cpu.launch"]
    assert "fusedstep.operators.checks.scalars" in GRAPH["fusedstep.operators.operator"]
    assert "fusedstep.rules" in GRAPH["fusedstep.operators.catalogue.adam"]
    assert "fusedstep.rules.words" in GRAPH["fusedstep.words"]


def test_every_file_has_its_place_in_the_flow() -> None:
    assert {room_of(path) for path in MODULES.values()} - {ROOT} <= set().union(*FLOW)


@pytest.mark.parametrize("name", sorted(GRAPH))
def test_imports_point_downwards(name: str) -> None:
    heights = {room: number for number, level in enumerate(FLOW) for room in level}
    room = room_of(MODULES[name])
    if room == ROOT:
        # It may import nothing at once but the standard library.
        assert GRAPH[name] == set()
        return
    for imported in GRAPH[name]:
        below = room_of(MODULES[imported])
        if below in (room, ROOT):
            continue
        # Faces may build on the public face: `fusedstep.mindspore` on `fusedstep.ops`.
        face = heights[room] == heights[below] == heights["ops"] and below in (
            "ops",
            "words",
            "mindspore",
            "torch",
            "jax",
        )
        assert heights[below] > heights[room] or face, f"{name} imports {imported}"


# What code generation may know of loops: the layout of a block, the words of memory, and one function that hands over
# the text of loops.
LOOPS_READ = {
    "fusedstep.codegen.cpu.loops": {"fusedstep.loops.cpu"},
    "fusedstep.codegen.cpu.memory_words": {"fusedstep.loops.cpu.memory"},
    "fusedstep.codegen.cpu.exported_sums": {"fusedstep.loops.cpu.block", "fusedstep.loops.cpu.whole_tensor"},
    "fusedstep.codegen.gpu.sources": {"fusedstep.loops.gpu"},
}


@pytest.mark.parametrize("name", sorted(each for each in GRAPH if each.startswith("fusedstep.codegen.")))
def test_code_generation_reads_loops_in_few_places(name: str) -> None:
    read = {each for each in GRAPH[name] if each.startswith("fusedstep.loops")}
    assert read <= LOOPS_READ.get(name, {"fusedstep.loops.cpu.block"})
    # Nor by a path: what is read is imported.
    tree = ast.parse(MODULES[name].read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert "loops" not in texts


SIBLINGS = {"codegen": ("rule", "cpu", "gpu", "xla", "torch"), "runtime": ("cpu", "gpu")}


@pytest.mark.parametrize("room", SIBLINGS)
def test_backends_do_not_know_each_other(room: str) -> None:
    for one in SIBLINGS[room]:
        for name in GRAPH:
            if name.startswith(f"fusedstep.{room}.{one}."):
                known = {each.split(".")[2] for each in GRAPH[name] if each.startswith(f"fusedstep.{room}.")}
                # ``codegen/rule`` knows no backend; each of these knows it.
                assert known & {*SIBLINGS[room]} <= {one, "rule"}, name


@pytest.mark.parametrize(
    ("file", "name", "takes"),
    [
        *((f"codegen/{one}/build.py", "build", "recipe") for one in ("cpu", "gpu", "xla", "torch")),
        *((f"runtime/{one}/launch.py", "launch", "call") for one in ("cpu", "gpu")),
    ],
)
def test_backends_have_the_same_entry_points(file: str, name: str, takes: str) -> None:
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    first, *others = function.args.args
    assert first.arg == takes
    assert len(function.args.defaults) == len(others)


def test_nothing_imports_in_circles() -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join((*above, name))
        if name not in done:
            for imported in GRAPH[name]:
                visit(imported, (*above, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


def imported_by(script: str) -> set[str]:
    """The heavy packages that a process has imported at its end."""
    text = f"{script}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    command = [sys.executable, "-W", "error", "-c", text]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stdout.split())


@pytest.mark.parametrize(
    "script",
    [
        "import fusedstep",
        "import fusedstep as fs; fs.ops, fs.rules, fs.words, fs.Operator, fs.set_num_threads(2)",
        "import fusedstep as fs; fs.ops.FusedSparseAdam(); fs.Operator(fs.rules.adam); dir(fs)",
        "import fusedstep.cli.main",
    ],
)
def test_importing_and_constructing_import_nothing_heavy(script: str) -> None:
    assert imported_by(script) == set()


def test_the_face_of_mindspore_imports_no_framework() -> None:
    # Its bfloat16 is that of ml_dtypes, where that is there.
    assert imported_by("import fusedstep as fs; fs.mindspore.ops.FusedSparseAdam()") <= {"ml_dtypes"}


def test_transformations_import_no_compiler_of_kernels() -> None:
    pytest.importorskip("optax")
    script = (
        "import fusedstep as fs, numpy as np; t = fs.jax.adagrad(lr=0.1, epsilon=0.1); t.init(np.ones(2, np.float32))"
    )
    assert imported_by(script) <= {"jax", "optax", "ml_dtypes"}


def test_numpy_arrays_never_import_torch() -> None:
    script = """
import numpy as np, fusedstep as fs
table = [np.ones((3, 2), np.float32) for _ in range(2)]
fs.ops.ApplyProximalAdagrad()(*table, 0.1, 0.1, 0.1, np.ones((3, 2), np.float32))
fs.ops.FusedSparseProximalAdagrad(True)(*table, 0.1, 0.1, 0.1, np.ones((1, 2), np.float32), np.array([2]))
"""
    assert imported_by(script) <= {"numba", "llvmlite"}


def test_rules_and_loops_know_no_framework() -> None:
    for path in [*(PACKAGE / "rules").rglob("*.py"), *(PACKAGE / "loops").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level}
        assert not names & set(HEAVY), path
