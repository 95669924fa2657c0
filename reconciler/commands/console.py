"""Where a command's words go: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TextIO

from reconciler.clock import Clock, SystemClock
from reconciler.render.paint import COLOURED, PLAIN, Paint

PROGRESS_AFTER = 1.0
"""Seconds for which work goes on in silence."""
PROGRESS_EVERY = 0.1
"""Seconds between two looks at how far it is."""


def json_text(document: object) -> str:
    """Return a document as it is printed, and written to files."""
    # GitHub Actions would look for a command behind this; it only ever stands within a string.
    return json.dumps(document, ensure_ascii=False, indent=2).replace("##[", "\\u0023#[")


@dataclass
class Console:
    """The two streams of a command and how much it says on them."""

    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    colour: bool = False
    clock: Clock = field(default_factory=SystemClock)

    @property
    def paint(self) -> Paint:
        """The colours of this console: none where the result is not read on a terminal."""
        return COLOURED if self.colour else PLAIN

    def result(self, text: str, document: object) -> None:
        """Print the result of the command: the text, or the document where JSON was asked for."""
        print(json_text(document) if self.as_json else text, file=self.stdout)

    def interim(self, text: str) -> None:
        """Print a part of the result that comes before its end; JSON has one document, at the end."""
        if not self.as_json:
            print(text, end="\n\n", file=self.stdout, flush=True)

    def show_before_asking(self, text: str) -> None:
        """Print what a question is about: on stdout as a part of the result, with JSON on stderr."""
        if self.as_json:
            print(text, end="\n\n", file=self.stderr, flush=True)
        else:
            self.interim(text)

    def say(self, text: str) -> None:
        """Tell the person something that is not the result, unless quiet was asked for."""
        if not self.quiet:
            print(text, file=self.stderr, flush=True)

    def ask(self, question: str) -> str:
        """Ask the person at the terminal and return the answer without blanks around it; empty at its end."""
        print(question, end=" ", file=self.stderr, flush=True)
        return self.stdin.readline().strip()

    def progress(self, label: str) -> Progress:
        """Return a progress line for work that begins now."""
        shows = self.stderr.isatty() and not self.quiet
        return Progress(label, self.stderr if shows else None, self.clock, self.clock.monotonic())


@dataclass
class Progress:
    """A line that counts on a terminal, from the first second on; silent elsewhere."""

    label: str
    stream: TextIO | None
    clock: Clock
    began: float
    _shown: float | None = None
    """When it was shown last; `None` while there is no line."""

    def __call__(self, done: int, total: int | None) -> None:
        """Show how far the work is, of how much if that is known; wipe the line at its end."""
        if self.stream is None:
            return
        now = self.clock.monotonic()
        if done == total:
            if self._shown is not None:
                self._write("")
            self._shown = None
        elif self._is_due(now):
            self._write(f"{self.label} {done}{'' if total is None else f'/{total}'}")
            self._shown = now

    def _is_due(self, now: float) -> bool:
        if self._shown is None:
            return now >= self.began + PROGRESS_AFTER
        return now >= self._shown + PROGRESS_EVERY

    def _write(self, text: str) -> None:
        print(f"\r\x1b[K{text}", end="", file=self.stream, flush=True)
