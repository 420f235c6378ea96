"""The processes that libraries run in, one each."""

import contextlib
import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import IO, Any

from .race import FailedError
from .training import Trained
from .works import Contender, Library, Work

WORKER = Path(__file__).parent / "libraries" / "worker.py"
# Seconds; much more than the first compilation of a kernel takes.
LIMIT = 180.0


def here(libraries: Iterable[Library]) -> dict[str, str]:
    """The Python of each library that is installed beside fusedstep: this one."""
    return {each.name: sys.executable for each in libraries if importlib.util.find_spec(each.module)}


class EndedError(Exception):
    """A library's process has ended."""


class Process:
    """A process that runs one library.

    Args:
        library: the library.
        python: the Python of its environment.
        threads: the number of threads that it may use.
        folder: its working directory; some libraries write files.
        limit: the longest time to wait for an answer, in seconds.
    """

    def __init__(self, library: Library, python: str, threads: int, folder: Path, limit: float = LIMIT) -> None:
        self.library, self.limit, self.version = library, limit, ""
        folder.mkdir(exist_ok=True)
        self.errors: IO[bytes] = (folder / "errors").open("w+b")
        self.process = subprocess.Popen(
            [python, str(WORKER), str(library.file), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
            cwd=folder,
            # Ctrl-C stops the command, which then ends its workers.
            start_new_session=True,
        )

    def wait_until_ready(self) -> None:
        """Wait until the library is imported."""
        self.version = str(self.answer()["version"])

    def ask(self, do: str, **arguments: Any) -> Any:
        """Send a command to the worker; return its answer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self.process.stdin.flush()
        return self.answer()["done"]

    def answer(self) -> dict[str, Any]:
        """Wait for the worker's next answer.

        Raises:
            FailedError: the worker reports an error.
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
        """How the process ended, and the last line of its errors."""
        status = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").split("\n")
        written = [line.strip() for line in lines if line.strip()]
        how = f"ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"{how}: {written[-1]}" if written else how

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class Processes:
    """The processes of a run; a context manager that ends them all.

    Args:
        pythons: the Python of each library, by the library's name.
        threads: the number of threads of each.
        limit: the longest time to wait for an answer, in seconds.

    Attributes:
        versions: the version of each peer that runs.
        notes: why libraries are left out, and what else failed.
    """

    def __init__(self, pythons: Mapping[str, str], threads: int, limit: float = LIMIT) -> None:
        self.pythons, self.threads, self.limit = pythons, threads, limit
        self.running: dict[str, Process] = {}
        self.notes: list[str] = []
        self.versions: dict[str, str] = {}
        self.unusable: set[str] = set()

    def __enter__(self) -> "Processes":
        self.folder = tempfile.TemporaryDirectory(prefix="fusedstep-bench-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_all()
        self.folder.cleanup()

    def start(self, libraries: Iterable[Library]) -> None:
        """Start all libraries that can run and are not running; they are imported at the same time."""
        usable = self.pythons.keys() - self.unusable
        new = [each for each in libraries if each.name in usable and each.process not in self.running]
        for each in new:
            folder = Path(self.folder.name) / each.process
            self.running[each.process] = Process(each, self.pythons[each.name], self.threads, folder, self.limit)
        for each in new:
            try:
                self.running[each.process].wait_until_ready()
                if each.peer:
                    self.versions[each.name] = self.running[each.process].version
            except (EndedError, FailedError) as error:
                if each.name not in self.unusable:
                    self.notes.append(f"{each.title} is left out: {error}")
                self.unusable.add(each.name)
                self.end(each.process)

    def prepare(self, work: Work, contender: Contender) -> None:
        """Prepare a contender's steps."""
        size, arguments = asdict(work.size), dict(contender.arguments)
        self.ask(contender, "prepare", label=contender.label, call=contender.call, size=size, arguments=arguments)

    def seconds(self, work: Work, contender: Contender) -> float:
        """Take a contender's next step; return its time."""
        return float(self.ask(contender, "step", label=contender.label, repeat=work.repeat)) / work.parts

    def train(self, contender: Contender) -> Trained:
        """Take a contender's next step of training."""
        return Trained(**self.ask(contender, "train", label=contender.label))

    def can_run(self, contender: Contender) -> bool:
        """Whether the process of a contender's library is running."""
        return contender.library.process in self.running

    def ask(self, contender: Contender, do: str, **arguments: Any) -> Any:
        """Let the process of a contender's library do something; return its answer."""
        try:
            return self.running[contender.library.process].ask(do, **arguments)
        except EndedError as error:
            self.end(contender.library.process)
            raise FailedError(f"its process {error}") from error

    def forget(self) -> None:
        """Let all libraries free their memory; those of a single contender end."""
        for name, process in list(self.running.items()):
            if process.library.part:
                self.end(name)
                continue
            try:
                process.ask("forget")
            except EndedError as error:
                self.notes.append(f"{process.library.title} is started again: its process {error}")
                self.end(name)

    def end(self, name: str) -> None:
        """End a process."""
        self.running.pop(name).end()

    def end_all(self) -> None:
        """End all processes."""
        for name in list(self.running):
            self.end(name)
