"""A progress bar on a terminal, if rich is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .extras import installed


@contextmanager
def progress(total: int) -> Iterator[Callable[[str, int], None]]:
    """Show a bar on stderr, if that is a terminal; each call sets the label and adds steps."""
    if not installed("rich"):
        yield lambda label, steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)

        def advance(label: str, steps: int) -> None:
            bar.update(task, advance=steps, description=label)

        yield advance
