"""The command ``fusedstep`` itself."""

import subprocess
import sys

import fusedstep as fs
from tests.cli.test_demo import run


def test_version_and_help():
    assert run("--version").stdout == f"fusedstep {fs.__version__}\n"
    assert "demo" in run("--help").stdout
    assert "--quick" in run("demo", "--help").stdout
    assert run("no-such-command").returncode == 2


def test_the_command_starts_light():
    heavy = "('numba', 'torch', 'rich', 'matplotlib', 'sklearn')"
    code = (
        f"import sys, fusedstep.cli.main, fusedstep.cli.demo; print([name for name in {heavy} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
