"""The source of a rule as readers see it."""

import ast
import inspect
from pathlib import Path

import pytest

from fusedstep import rules
from fusedstep.operators.rule_code import code, fold


@pytest.mark.parametrize("name", rules.__all__)
def test_the_code_shown_means_what_the_rule_does(name: str) -> None:
    rule = getattr(rules, name)
    shown = ast.parse(code(rule, 78)).body[-1]
    original = ast.parse(inspect.getsource(rule)).body[0]
    assert isinstance(shown, ast.FunctionDef)
    assert isinstance(original, ast.FunctionDef)
    assert list(map(ast.dump, shown.body)) == list(map(ast.dump, original.body[1:]))
    assert [each.arg for each in ast.walk(shown.args) if isinstance(each, ast.arg)] == [
        each.arg for each in ast.walk(original.args) if isinstance(each, ast.arg)
    ]


def test_helpers_stand_above_the_rule_that_calls_them(tmp_path: Path) -> None:
    file = tmp_path / "helped.py"
    file.write_text(
        "from fusedstep.words import sqrt\n\ndef root(x):\n    return sqrt(x)\n\n"
        "def rule(var, grad, *, lr):\n    # Comments stay.\n    return var - lr * root(grad)\n",
        encoding="utf-8",
    )
    names: dict[str, object] = {"__name__": "helped"}
    exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)  # noqa: S102 - the text above
    shown = code(names["rule"], 78)  # type: ignore[arg-type]
    assert shown.startswith("def root(x):\n    return sqrt(x)\n\ndef rule(var, grad, *, lr):\n    # Comments stay.\n")


def test_folded_lines_mean_the_same() -> None:
    line = (
        "    var = where(abs(linear) <= l1, 0, (sign(linear) * l1 - linear) / (power(accum, -lr_power) / lr + 2 * l2))"
    )
    folded = fold(line, 60)
    assert max(map(len, folded)) <= 60
    assert ast.dump(ast.parse("\n".join(folded).strip())) == ast.dump(ast.parse(line.strip()))
    assert fold("    # " + "word " * 20, 60) == [f"    # {'word ' * 10}word", f"    # {'word ' * 8}word"]
