"""What libraries have to say by themselves, as lines of the log, where everything on stderr has to be one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from reconciler.commands.console import Console
from reconciler.render.values import Level


class _Lines(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__(logging.WARNING)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARNING
        self._console.library(record.name, record.getMessage(), level)


@contextmanager
def libraries_logged(console: Console) -> Iterator[None]:
    """Let the warnings of libraries, and those of Python itself, be lines of the log while the block runs."""
    handler, root = _Lines(console), logging.getLogger()
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
