"""Rules whose source Python does not keep: at a prompt, in ``python -c``, on standard input."""

import linecache
import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fusedstep as fs
from fusedstep.codegen.rule.source import definition_in, exact

PROGRAM = '''
import numpy as np
import fusedstep as fs
from fusedstep.words import sign


def descent(var, m, grad, *, lr):
    """A rule."""
    m = m * 0.5 + grad  # a comment

    return var - lr * sign(m), m


if True:
    def nested(var, grad, *, lr): return var - lr * grad

descent(np.ones(2), np.ones(2), np.ones(2), lr=0.25)
var, m = np.ones(2), np.ones(2)
print(fs.Operator(descent)(var, m, np.ones(2), lr=0.25)[0].tolist())
print(fs.Operator(nested)(np.ones(2), np.ones(2), lr=0.5)[0].tolist())


def refused(var, grad):
    half = grad / 2
    return var - half.T


try:
    fs.Operator(refused)
except TypeError as error:
    print(error)
'''
LINE = PROGRAM.splitlines().index("    return var - half.T") + 1


def run(arguments: list[str], **options: Any) -> str:
    """What Python prints, warnings being errors."""
    command = [sys.executable, "-W", "error", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, **options)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def assert_right(printed: str, file: str) -> None:
    first, second, error = printed.splitlines()
    assert (first, second) == ("[0.75, 0.75]", "[0.5, 0.5]")
    assert error.startswith("rule refused: cannot compile `half.T`: a rule sees one element")
    assert re.search(rf" \({re.escape(file)}(-\d+)?:{LINE}\)$", error)


@pytest.mark.parametrize("arguments", [["-c", PROGRAM], [f"-c{PROGRAM}"], ["-X", "dev", f"-Oc{PROGRAM}", "-c", "x"]])
def test_on_the_command_line(arguments: list[str]) -> None:
    assert_right(run(arguments), "<string>")


@pytest.mark.parametrize("arguments", [[], ["-"], ["-u", "-", "x"]])
@pytest.mark.skipif(not hasattr(os, "pread"), reason="a file on standard input cannot be read again")
def test_in_a_file_on_standard_input(arguments: list[str], tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text("# -*- coding: latin-1 -*-\n# \xe4" + PROGRAM, encoding="latin-1")
    with file.open("rb") as opened:
        printed = run(arguments, stdin=opened)
    assert_right(printed.replace(f":{LINE + 1})", f":{LINE})"), "<stdin>")


def test_a_pipe_is_refused_with_the_remedy() -> None:
    command = [sys.executable, "-"]
    ended = subprocess.run(command, input=PROGRAM, capture_output=True, text=True, timeout=300, check=False)
    assert re.search(
        r"TypeError: rule descent: its source is not available .*: define it with def in a file and import it, or pass "
        r"its text: fs.Operator\('''def descent\(var, ..., grad, \*, lr, ...\): ...'''\) \(<stdin>:7\)",
        ended.stderr,
    )


def test_the_remedy_is_one() -> None:
    program = (
        "import numpy as np, fusedstep as fs\n"
        + '''print(fs.Operator("""
    def descent(var, grad, *, lr):
        return var - lr * grad
""")(np.ones(2), np.ones(2), lr=0.5)[0].tolist())'''
    )
    assert run(["-"], input=program) == "[0.5, 0.5]\n"


TYPED = """\
import numpy as np, fusedstep as fs
from fusedstep.words import sign
def descent(var, m, grad, *, lr):
    m = m * 0.5 + grad
    # a comment
    return var - lr * sign(m), m

print(fs.Operator(descent)(np.ones(2), np.ones(2), np.ones(2), lr=0.25)[0].tolist())
def descent(var, m, grad, *, lr):
    m = m * 0.5 - grad
    return var - lr * sign(m), m

print(fs.Operator(descent)(np.ones(2), np.ones(2), np.ones(2), lr=0.25)[0].tolist())
def twice(var, grad, *, lr):
    var = var - lr * grad
    var = var - lr * grad
    return var

print(fs.Operator(twice)(np.ones(2), np.ones(2), lr=0.25)[0].tolist())
def one(var, grad, *, lr): return var - lr * grad

print(fs.Operator(one)(np.ones(2), np.ones(2), lr=0.125)[0].tolist())
"""


def at_a_prompt(lines: list[str], home: Path) -> str:
    """What a terminal shows while lines are typed at Python's prompt."""
    pty = pytest.importorskip("pty")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-q"], {**os.environ, "HOME": str(home), "TERM": "dumb"})  # noqa: S606
    shown = b""

    def wait_for_a_prompt() -> None:
        nonlocal shown
        start, end = len(shown), time.monotonic() + 120
        while time.monotonic() < end and not shown[start:].endswith((b">>> ", b"... ")):
            if select.select([terminal], [], [], 1)[0]:
                shown += os.read(terminal, 65536)

    wait_for_a_prompt()
    for line in lines:
        os.write(terminal, line.encode() + b"\n")
        wait_for_a_prompt()
    os.close(terminal)
    os.waitpid(child, 0)
    return shown.decode()


def test_at_a_prompt(tmp_path: Path) -> None:
    pytest.importorskip("readline")
    shown = at_a_prompt(TYPED.splitlines(), tmp_path)
    # Two rules of one name, and two equal lines, of which the history keeps one.
    results = re.findall(r"^\[[\d., ]+\]", shown, re.MULTILINE)
    assert results == ["[0.75, 0.75]", "[1.25, 1.25]", "[0.5, 0.5]", "[0.875, 0.875]"], shown


def plus(var: Any, grad: Any) -> Any:
    return var + grad


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("def plus(var: Any, grad: Any) -> Any:\n    return var + grad\n", True),
        ("def plus(var: Any, grad: Any) -> Any:\n    return var - grad\n", False),
        ("def plus(var: Any, grad: Any) -> Any:\n    return grad + var\n", False),
        ("def plus(var: Any, grad: Any) -> Any:\n    return  var + grad\n", False),
        ("def plus(var: Any, grad: Any) -> Any: return var + grad\n", False),
        ("def other(var: Any, grad: Any) -> Any:\n    return var + grad\n", False),
        ("\ndef plus(var: Any, grad: Any) -> Any:\n    return var + grad\n", False),
        ("def plus(", False),
        ("\0", False),
        ("", False),
    ],
)
def test_a_text_is_used_only_if_it_is_the_very_code(text: str, found: bool) -> None:
    space: dict[str, Any] = {"Any": Any}
    exec("def plus(var: Any, grad: Any) -> Any:\n    return var + grad\n", space)  # noqa: S102
    assert (definition_in(text, space["plus"].__code__) is not None) == found


def test_code_that_was_run_often_is_still_the_same() -> None:
    before = exact(plus.__code__)
    for _ in range(100):
        plus(1.0, 2.0)
    assert exact(plus.__code__) == before


@pytest.mark.parametrize("edited", ["var + grad", "grad - var", "var - grad * 2", "-var - grad", "var - other"])
def test_a_file_that_changed_is_refused(edited: str, tmp_path: Path) -> None:
    file = tmp_path / "edited.py"
    file.write_text("def rule(var, grad):\n    return var - grad\n")
    space: dict[str, Any] = {"__name__": "edited", "__file__": str(file)}
    exec(compile(file.read_text(), str(file), "exec"), space)  # noqa: S102
    file.write_text(f"def rule(var, grad):\n    return {edited}\n")
    with pytest.raises(TypeError, match=rf"rule rule: its file has changed since .* \({re.escape(str(file))}:1\)"):
        fs.Operator(space["rule"])
    file.write_text("def rule(var, grad):\n    return var - grad\n")
    var = np.ones(2)
    fs.Operator(space["rule"])(var, np.ones(2))
    assert var.tolist() == [0.0, 0.0]
    file.unlink()
    linecache.clearcache()
    with pytest.raises(TypeError, match=rf"the file of its source cannot be read: .* \({re.escape(str(file))}:1\)"):
        fs.Operator(space["rule"])
