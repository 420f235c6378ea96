"""The README's examples run as they stand, and print what it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)


def test_the_first_block_is_the_rule_as_it_stands() -> None:
    import fusedstep as fs
    from fusedstep.words import divide_or_zero, maximum, sign, sqrt

    names = {"divide_or_zero": divide_or_zero, "maximum": maximum, "sign": sign, "sqrt": sqrt}
    exec(EXAMPLES[0], names)  # noqa: S102 - the README's own text
    arguments = {"lr": 0.1, "l1": 0.2, "l2": 0.3}
    assert names["proximal_adagrad"](0.5, 0.1, -0.7, **arguments) == fs.rules.proximal_adagrad(  # type: ignore[operator]
        0.5, 0.1, -0.7, **arguments
    )


@pytest.mark.parametrize("number", range(1, len(EXAMPLES)))
def test_example_runs(number: int, tmp_path: Path) -> None:
    # In a file: the source of a rule must be there to be read.
    script = tmp_path / "example.py"
    script.write_text(EXAMPLES[number], encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    printed = re.findall(r"^# prints: (.*)$", EXAMPLES[number], re.M)
    assert done.stdout.splitlines() == printed or not printed
