"""Where a command's words go: results to stdout, everything else to stderr, with progress and a log."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

from msgspec import Struct, field

from reconciler.clock import Clock, SystemClock
from reconciler.errors import Exit, Refused
from reconciler.render.values import (
    PLAIN,
    Level,
    Paint,
    harmless,
    json_text,
    log_line,
    moment,
    wrapped,
)

if TYPE_CHECKING:
    from concurrent.futures import Future

    from reconciler.http.messages import Attempt
    from reconciler.problems import Problem


PROGRESS_AFTER = 1.0  # seconds for which work goes on in silence
PROGRESS_EVERY = 0.1  # seconds between two looks at how far it is


class Console(Struct, eq=False):
    """The two streams of a command and how much it says on them."""

    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    very_verbose: bool = False
    paint: Paint = PLAIN  # the colours of the result: none where it is not read on a terminal
    logs_json: bool = False  # whether everything on stderr is one JSON object a line
    clock: Clock = field(default_factory=SystemClock)
    lock: threading.Lock = field(default_factory=threading.Lock)
    has_written: bool = False  # whether the run has changed anything: output that fails takes none of it back

    def result(
        self, text: str, document: object, *, has_summary: bool = False, is_code: bool = False
    ) -> None:
        """Print the result of the command: the text, or the document where JSON was asked for.

        Of a text whose last line is its summary, quiet leaves that line alone. Lines of code are left whole.
        """
        if has_summary and self.quiet:
            text = text.rpartition("\n")[2]
        elif not is_code:
            text = wrapped(text, self.paint.width)
        try:
            print(json_text(document) if self.as_json else text, file=self.stdout, flush=True)
        except OSError as error:
            if not self.has_written:
                error.filename = "writing the result"
                raise
            self.warn(f"the result could not be printed: {error.strerror or error}", always=True)
            _give_up(self.stdout)

    def interim(self, text: str) -> None:
        """Print a part of the result that comes before its end, which JSON and quiet have alone."""
        if not self.as_json and not self.quiet:
            self.result(f"{text}\n", None)

    def show_before_asking(self, text: str, *, is_asked: bool) -> None:
        """Print what a question is about: on stdout as a part of the result, with JSON on stderr.

        Quiet leaves it out where nothing is asked.
        """
        if self.quiet and not is_asked:
            return
        if not self.as_json:
            print(wrapped(text, self.paint.width), end="\n\n", file=self.stdout, flush=True)
        elif self.logs_json:
            self._log("info", "shown", "", {"message": text})
        else:
            self._write(f"{text}\n")

    def say(self, text: str) -> None:
        """Print something that is not the result, on one line, unless quiet was asked for."""
        if not self.quiet:
            self._log("info", "message", harmless(text), {"message": text})

    def warn(self, text: str, *, always: bool = False, **fields: Any) -> None:
        """Print a warning, unless quiet was asked for; with `always` even then. `fields` are for programs."""
        if always or not self.quiet:
            self._log("warning", "warning", f"Warning: {harmless(text)}", {"message": text, **fields})

    def complain(self, text: str, **fields: Any) -> None:
        """Print an error; `fields` are for programs."""
        self._log("error", "error", f"Error: {harmless(text)}", {"message": text, **fields})

    def problems(self, problems: Sequence[Problem], *, every: bool = False) -> None:
        """Print each error in the files and, unless quiet was asked for, a line for each code of warnings.

        Each warning has its own line with `every`, where more was asked for, and where it cannot be
        switched off.
        """
        if not problems:
            return
        # Imported here: most runs find nothing wrong.
        from reconciler.problems import WARNINGS
        from reconciler.render.values import problem_document, problems_text, tally, warnings_by_code

        if self.quiet or not (every or self.verbose):
            for code, some in warnings_by_code([one for one in problems if one.code in WARNINGS]).items():
                text = f"{tally(code, some)}; `validate` lists {'it' if len(some) == 1 else 'them'}"
                self.warn(text, code=code, count=len(some))
            whole = [one for one in problems if one.code not in WARNINGS and not self.quiet]
            problems = [one for one in problems if one.severity == "error" or one in whole]
        problems = sorted(problems, key=lambda problem: problem.severity == "error")  # the grave ones last
        if not self.logs_json:
            if problems:
                self._write(problems_text(problems, paint=self.paint))
            return
        for problem in problems:
            fields = problem_document(problem)
            self._log(fields.pop("severity"), "problem", "", fields)

    def event(self, event: str, text: str, fields: Mapping[str, Any]) -> None:
        """Print the text, or log the event, unless quiet was asked for."""
        if not self.quiet and (text or self.logs_json):
            self._log("info", event, text, fields)

    def library(self, name: str, message: str, level: Level) -> None:
        """Print what a library logs, which is never the result and never expected."""
        self._log(level, "library", f"{name}: {harmless(message)}", {"logger": name, "message": message})

    def command(self, line: str) -> None:
        """Write a command to the runner of a CI: a line that is left whole, and begins with two colons."""
        self._write(line, is_command=True)

    def _log(self, level: Level, event: str, text: str, fields: Mapping[str, Any]) -> None:
        self._write(log_line(self.clock.now(), level, event, fields) if self.logs_json else text)

    def _write(self, text: str, *, is_command: bool = False) -> None:
        with self.lock:  # a line of one thread ends before that of another begins
            try:
                is_read = self.stderr.isatty() and not self.logs_json and not is_command
                self.stderr.write(f"{wrapped(text, self.paint.width if is_read else 0)}\n")
                self.stderr.flush()
            except OSError:  # it ends nothing
                _give_up(self.stderr)

    def ask(self, question: str) -> str:
        """Ask the person at the terminal and return the answer without blanks around it; empty at its end."""
        if self.logs_json:
            self._log("info", "question", "", {"message": question})
        else:
            print(wrapped(question, self.paint.width), end=" ", file=self.stderr, flush=True)
        return self.stdin.readline().strip()

    def confirm(self, question: str, undone: str, *, advice: str = "add --yes") -> None:
        """Ask the person at the terminal; `undone` says what has not happened without a yes.

        Errors: `Refused` without a terminal, or without a yes.
        """
        if not self.stdin.isatty():
            raise Refused(f"there is no terminal to ask on: {advice}")
        if self.ask(f"{question} Only yes is yes:") != "yes":
            raise Refused(f"not confirmed; {undone}")

    def progress(self, label: str) -> Progress:
        """Return a progress line for work that begins now."""
        shows = self.stderr.isatty() and not self.quiet and not self.logs_json
        return Progress(label, self.stderr if shows else None, self.clock, self.clock.monotonic())


def _give_up(stream: TextIO) -> None:
    """Send what a stream did not take to nowhere: it would fail again, and change the exit, at the end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class Progress(Struct):
    """A line that counts on a terminal, from the first second on; silent elsewhere."""

    label: str
    stream: TextIO | None
    clock: Clock
    began: float
    _shown: float | None = None  # when it was shown last; `None` while there is no line

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far the work is, of how much if that is known; wipe the line at its end."""
        if self.stream is None:
            return
        now = self.clock.monotonic()
        if done == total:
            if self._shown is not None:
                self._write("")
            self._shown = None
        elif now >= (self.began + PROGRESS_AFTER if self._shown is None else self._shown + PROGRESS_EVERY):
            self._write(f"{self.label} {done}{'' if total is None else f'/{total}'}")
            self._shown = now

    def _write(self, text: str) -> None:
        print(f"\r\x1b[K{text}", end="", file=self.stream, flush=True)


Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[Result]:
    """Call `function` once for each item, at most `workers` at a time; return the results in their order.

    `progress` is called, in the calling thread, with the number of items that are done and of all. The first
    error starts nothing more and is raised when the running items have ended; so is an interrupt.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed  # here: what is offline needs no threads

    waiting, errors = list(items), list[BaseException]()

    def run(item: Item) -> list[Result]:
        # Looked at here: the calling thread would learn of an error too late to keep the next item back.
        if errors:
            return []
        try:
            return [function(item)]
        except BaseException as error:
            errors.append(error)
            raise

    with ThreadPoolExecutor(max_workers=max(1, min(workers, len(waiting)))) as pool:
        futures: list[Future[list[Result]]] = []
        try:
            futures.extend(pool.submit(run, item) for item in waiting)
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                progress(done, len(futures))
        except BaseException as error:
            errors.append(error)
            pool.shutdown(cancel_futures=True)
            raise
    return [result for future in futures for result in future.result()]


_MANY = 200


class Pool(Struct, frozen=True):
    """Calls a function for many items on a few threads, an `engine.kind.Mapper`; `per_minute` is the pace."""

    workers: int
    console: Console
    per_minute: int | None = None

    def __call__(
        self, function: Callable[[Item], Result], items: Sequence[Item], label: str
    ) -> Sequence[Result]:
        """Return one result for each item, as `each`; say beforehand how long very many items will take."""
        if len(items) > _MANY:
            minutes = (len(items) - 1) // self.per_minute if self.per_minute else 0
            lasting = f", at least {minutes} min at {self.per_minute} a minute" if minutes else ""
            self.console.say(f"{label}: {len(items)} requests{lasting}.")
        return each(function, items, self.workers, self.console.progress(label))


LONG_WAIT = 0.1  # seconds from which on a line of the log says that a request had to wait


def random_id() -> str:
    """Return 16 hexadecimal digits that no other request has."""
    return os.urandom(8).hex()


class Requests:
    """Counts every attempt on any target, and logs it where there is a log; safe for use by many threads."""

    def __init__(self, console: Console, make_id: Callable[[], str] = random_id) -> None:
        self._console = console
        self._make_id = make_id
        self._logs = not console.quiet and (console.logs_json or console.very_verbose)
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        self._began = console.clock.monotonic()
        self._lock = threading.Lock()

    def new_id(self) -> str:
        """Return an id for a request, under which the log has its attempts; empty where there is no log."""
        return self._make_id() if self._logs else ""

    def __call__(self, target: str, attempt: Attempt) -> None:
        """Take note of one attempt."""
        with self._lock:
            self._counts[attempt.method] += 1
            self._seconds += attempt.seconds
        console = self._console
        if self._logs and console.logs_json:
            console.event("request", "", request_fields(target, attempt))
        elif self._logs:
            console.say(request_text(console.clock.now(), target, attempt))

    def end(self, command: str, exit: Exit) -> None:
        """Say what all of it was: to programs always, to a person who asked for more."""
        seconds = self._console.clock.monotonic() - self._began
        fields = {
            "command": command,
            "exit_code": int(exit),
            "duration_ms": round(seconds * 1000, 3),
            "requests": dict(sorted(self._counts.items())),
            "requests_duration_ms": round(self._seconds * 1000, 3),
        }
        parts = ", ".join(f"{number} {method}" for method, number in sorted(self._counts.items()))
        text = f"{self._counts.total()} requests: {parts}" if self._console.verbose and parts else ""
        self._console.event("end", text, fields)


def request_fields(target: str, attempt: Attempt) -> dict[str, Any]:
    """Return what a log may hold of one attempt: no header, no body, and no text of the query."""
    return {
        "id": attempt.id,
        "target": target,
        "method": attempt.method,
        "path": attempt.path,
        "query": attempt.query,
        "status": attempt.status,
        "failure": attempt.failure or None,
        "duration_ms": round(attempt.seconds * 1000, 3),
        "attempt": attempt.attempt,
        "wait_ms": round(attempt.waited * 1000, 3),
        "server_id": attempt.server_id or None,
    }


def request_text(now: float, target: str, attempt: Attempt) -> str:
    """Return the same for a person."""
    query = "&".join(f"{name}={value}" for name, value in attempt.query.items())
    answer = attempt.status or f"no answer ({attempt.failure})"
    parts = [
        f"{attempt.method} {attempt.path}{f'?{query}' if query else ''}: {answer}",
        f"{round(attempt.seconds * 1000, 3)} ms",
        f"target {target}",
        f"request {attempt.id}",
        f"attempt {attempt.attempt}" if attempt.attempt > 1 else "",
        f"after {round(attempt.waited * 1000, 3)} ms" if attempt.waited >= LONG_WAIT else "",
        f"server's id {attempt.server_id}" if attempt.server_id else "",
    ]
    return f"{moment(now)} {harmless(', '.join(filter(None, parts)))}"
