"""LaTeX formulas of docstrings as plain text."""

import re
from collections.abc import Iterator

TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|[A-Za-z]+|[0-9.]+|.", re.S)

# Marks a place without a space.
TIGHT = "\0"
# The text of commands without arguments; others keep their names: \beta, \max.
SYMBOLS = {
    **dict.fromkeys((r"\cdot", r"\times", r"\odot", r"\circ"), " * "),
    **dict.fromkeys((r"\le", r"\leq"), " <= "),
    **dict.fromkeys((r"\ge", r"\geq"), " >= "),
    **dict.fromkeys((r"\ne", r"\neq"), " != "),
    **dict.fromkeys((r"\leftarrow", r"\gets"), " <- "),
    **dict.fromkeys((r"\to", r"\rightarrow"), " -> "),
    **dict.fromkeys((r"\|", r"\Vert"), "||"),
    r"\lVert": f"||{TIGHT}",
    r"\rVert": f"{TIGHT}||",
    **dict.fromkeys((r"\lvert", r"\rvert", r"\vert"), "|"),
    **dict.fromkeys((r"\,", r"\;", r"\:", r"\ ", r"\quad", r"\qquad"), " "),
    **dict.fromkeys((r"\!", r"\left", r"\right", r"\big", r"\Big", r"\displaystyle"), ""),
    **dict.fromkeys((r"\dots", r"\ldots", r"\cdots"), "..."),
    r"\pm": " +- ",
    r"\bmod": " % ",
    **{rf"\l{name}": f"{name}({TIGHT}" for name in ("floor", "ceil")},
    **{rf"\r{name}": f"{TIGHT})" for name in ("floor", "ceil")},
    r"\in": " in ",
    r"\land": " and ",
    r"\lor": " or ",
    r"\infty": "inf",
    r"\varepsilon": "epsilon",
    **{rf"\{sign}": sign for sign in "{}&%#_$"},
}
MARKS = {rf"\{name}": name.removeprefix("wide") for name in ("hat", "widehat", "bar", "tilde", "widetilde")}
TEXTS = {r"\text", r"\mathrm", r"\mathit", r"\mathbf", r"\operatorname", r"\textrm", r"\mathcal", r"\boldsymbol"}
LINE, CELL = r"\\", "&"


def readable(latex: str) -> str:
    """Convert a formula to text, line by line.

    >>> readable(r"v &= \\beta_2 v + (1 - \\beta_2) g^2 \\\\ w &= w - \\frac{lr}{\\sqrt{v} + \\epsilon} m")
    'v = beta2 v + (1 - beta2) g^2\\nw = w - lr / (sqrt(v) + epsilon) * m'
    """
    tokens = iter(TOKEN.findall(latex.strip()))
    return "\n".join(tidy("".join(cells)) for cells in rows(Reader(tokens), ""))


def tidy(text: str) -> str:
    """Text without repeated spaces, and without spaces inside brackets."""
    return re.sub(rf"(?<=[(\[]) | (?=[)\],])| ?{TIGHT} ?", "", " ".join(text.split()))


class Reader:
    """Tokens with one token of lookahead."""

    def __init__(self, tokens: Iterator[str]) -> None:
        self.tokens = tokens
        self.next = next(tokens, "")

    def take(self) -> str:
        """Take the next token."""
        taken, self.next = self.next, next(self.tokens, "")
        return taken

    def skip_space(self) -> None:
        """Skip white space."""
        while self.next.isspace():
            self.take()


def rows(reader: Reader, stop: str) -> list[list[str]]:
    """The text of each cell of each line, up to a stop token."""
    found = [[""]]
    while reader.next not in ("", stop):
        if reader.next == LINE:
            reader.take()
            found.append([""])
        elif reader.next == CELL:
            reader.take()
            found[-1].append("")
        else:
            found[-1][-1] += atom(reader)
    reader.take()
    return found


def group(reader: Reader) -> str:
    """The text of a group in braces, or of one atom."""
    reader.skip_space()
    if reader.next != "{":
        return tidy(atom(reader))
    reader.take()
    return tidy("".join("".join(cells) for cells in rows(reader, "}")))


def atom(reader: Reader) -> str:
    """The text of the next token and its arguments."""
    taken = reader.take()
    if taken == "{":
        return "".join("".join(cells) for cells in rows(reader, "}"))
    if taken in ("^", "_"):
        return script(taken, group(reader))
    if taken in (r"\frac", r"\dfrac", r"\tfrac"):
        quotient = f"{enclosed(group(reader), r'[-+]')} / {enclosed(group(reader), r'[-+*/ ]')}"
        reader.skip_space()
        return quotient + (" * " if multiplies(reader.next) else " ")
    if taken == r"\sqrt":
        return f"sqrt({group(reader)})"
    if taken in MARKS:
        return f"{group(reader)}_{MARKS[taken]}"
    if taken in TEXTS:
        return group(reader) if taken != r"\text" else raw(reader)
    if taken == r"\begin":
        return environment(reader)
    return SYMBOLS.get(taken, taken.removeprefix("\\"))


def script(sign: str, text: str) -> str:
    """An exponent or an index; beta_1 becomes beta1, as in code."""
    if sign == "_" and text.isdecimal():
        return text
    return sign + enclosed(text, r"\W")


def enclosed(text: str, loose: str) -> str:
    """Text, in brackets if it contains a loose operator outside brackets."""
    outside = text
    while outside != (inner := re.sub(r"\w*\([^()]*\)|\|[^|]*\||\s*\^\S+", "x", outside)):
        outside = inner
    return f"({text})" if re.search(loose, outside) else text


def multiplies(token: str) -> bool:
    """Whether a token begins a factor, so that a product sign is needed before it."""
    return (
        token[:1].isalnum()
        or token in ("(", "[", "|", "{", r"\left")
        or bool(token[1:].isalpha() and token not in SYMBOLS)
    )


def raw(reader: Reader) -> str:
    """The text in braces, with its spaces."""
    words = ""
    reader.take()
    while reader.next not in ("", "}"):
        words += reader.take()
    reader.take()
    return words


def environment(reader: Reader) -> str:
    """The cases between begin and end: values and their conditions."""
    group(reader)
    lines = [[tidy(cell).rstrip(",") for cell in cells] for cells in rows(reader, r"\end")]
    group(reader)
    found = [value + "".join(when(condition) for condition in conditions) for value, *conditions in lines if value]
    return "{ " + "; ".join(found) + " }"


def when(condition: str) -> str:
    """The condition of a case, with "if" before it where needed."""
    return f" {condition}" if condition.startswith(("if ", "else", "otherwise", "where ")) else f" if {condition}"
