"""The processes that libraries run in."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO, Any

from .libraries import LIBRARIES

WORKER = Path(__file__).parent / "contenders" / "worker.py"
# Seconds. Compiling a kernel for the first time takes some; nothing takes so many.
LIMIT = 180.0


class EndedError(Exception):
    """A library's process has ended, or was ended."""


class FailedError(Exception):
    """A library could not do what it was asked."""


class Process:
    """A library in a process of its own.

    Args:
        library: the library's name.
        python: the Python that has it.
        threads: on how many threads it may run.
        folder: where it runs; some libraries leave files.
        limit: the seconds after which an answer is no longer waited for.
    """

    def __init__(self, library: str, python: str, threads: int, folder: Path, limit: float = LIMIT) -> None:
        self.limit, self.version = limit, ""
        folder.mkdir(exist_ok=True)
        self.errors: IO[bytes] = (folder / "errors").open("w+b")
        self.process = subprocess.Popen(
            [python, str(WORKER), LIBRARIES[library].file, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            cwd=folder,
            # Ctrl-C is for the command, which then ends its workers.
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Waits until the library is imported."""
        self.version = str(self.answer()["version"])

    def ask(self, do: str, **arguments: Any) -> Any:
        """Has the worker do something, and returns what it answers."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        return self.answer()["done"]

    def answer(self) -> dict[str, Any]:
        """The worker's next answer.

        Raises:
            FailedError: it is an error.
            EndedError: the process has ended.
        """
        assert self.process.stdout is not None
        timer = Timer(self.limit, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            late = not timer.is_alive()
            timer.cancel()
        if not line:
            raise EndedError(f"gave no answer in {self.limit:g} seconds" if late else self.last_words())
        content: dict[str, Any] = json.loads(line)
        if "error" in content:
            raise FailedError(content["error"])
        return content

    def last_words(self) -> str:
        """How the process ended, and the last line that it wrote."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip()]
        how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{how}: {said[-1]}" if said else how

    def end(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Team:
    """The processes of a run; a context that ends them all.

    Args:
        pythons: the Python of each library.
        threads: on how many threads each may run.
        limit: the seconds after which an answer is no longer waited for.
    """

    def __init__(self, pythons: Mapping[str, str], threads: int, limit: float = LIMIT) -> None:
        self.pythons, self.threads, self.limit = pythons, threads, limit
        self.running: dict[str, Process] = {}
        self.notes: list[str] = []
        self.versions: dict[str, str] = {}
        self.unusable: set[str] = set()

    def __enter__(self) -> "Team":
        self.folder = tempfile.TemporaryDirectory(prefix="fusedstep-bench-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.dismiss()
        self.folder.cleanup()

    def call(self, libraries: set[str]) -> None:
        """Has libraries ready, all that can be; they are imported at the same time."""
        new = [name for name in self.pythons if name in libraries - self.running.keys() - self.unusable]
        for name in new:
            folder = Path(self.folder.name) / LIBRARIES[name].file
            self.running[name] = Process(name, self.pythons[name], self.threads, folder, self.limit)
        for name in new:
            try:
                self.running[name].wait_until_ready()
                self.versions[name] = self.running[name].version
            except (EndedError, FailedError) as error:
                self.lose(name, f"{LIBRARIES[name].title} is left out: {error}")
                self.unusable.add(name)

    def dismiss(self) -> None:
        """Ends all processes."""
        while self.running:
            self.running.popitem()[1].end()

    def lose(self, library: str, note: str) -> None:
        """Ends a library's process, and notes why."""
        self.running.pop(library).end()
        self.notes.append(note)
