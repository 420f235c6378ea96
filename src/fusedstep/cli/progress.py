"""A progress bar on a terminal, where rich is installed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .extras import installed


@contextmanager
def progress(total: int) -> Iterator[Callable[[str, int], None]]:
    """A bar on a terminal's stderr, none elsewhere: each call tells whose turn it is, and of so many steps."""
    if not installed("rich"):
        yield lambda label, steps: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("", total=total)

        def tell(label: str, steps: int) -> None:
            bar.update(task, advance=steps, description=label)

        yield tell
