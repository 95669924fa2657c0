"""Reports beside what is printed: files that one run writes, however it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reconciler.commands.console import Console
from reconciler.commands.outside import Outside
from reconciler.commands.session import Selection
from reconciler.config.wording import visible
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError
from reconciler.planfile.writing import check_place, write_report
from reconciler.render.across import TargetEnd
from reconciler.render.reported import Reported, Stopped
from reconciler.render.values import harmless


class Form(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"
    """For a comment on a pull request."""
    HTML = "html"
    """A page that needs nothing else."""


@dataclass(frozen=True, slots=True)
class Report:
    """A report that was asked for, and the file that it goes to."""

    form: Form
    path: Path


@dataclass
class Reporting:
    """The reports of one run, each written anew whenever there is more to tell: a target, or its failure.

    `exit` is an error once one could not be written.
    """

    verb: str
    reports: tuple[Report, ...]
    console: Console
    outside: Outside
    exit: Exit = Exit.DONE
    told: list[Reported] = field(default_factory=list)

    def check(self, *others: Path | None) -> None:
        """Check that every report can be written, each to a file of its own. Errors: `UsageError`."""
        taken = {(self.outside.folder / path).resolve() for path in others if path}
        for report in self.reports:
            path = self.outside.folder / report.path
            check_place(path, "report")
            if path.resolve() in taken:
                raise UsageError(f"{visible(str(report.path))} would be written twice: name another file")
            taken.add(path.resolve())

    def __call__(self, reported: Reported) -> None:
        """Write every report with what there is to tell of one more target."""
        self.told.append(reported)
        for report in self.reports:
            self._write(report)

    def failures(self, ends: Sequence[TargetEnd]) -> None:
        """Tell of the targets of which there is no plan and no end."""
        for end in ends:
            if end.error:
                self(Stopped(self.verb, end.target, end.error, end.exit))

    def _write(self, report: Report) -> None:
        try:
            write_report(self.outside.folder / report.path, _text(report.form, self.told, self.outside))
        except UsageError as error:
            # What was done is done, and is told: this must not come in its place.
            print(f"Error: {harmless(str(error))}", file=self.console.stderr)
            self.exit = Exit.ERROR


def _text(form: Form, told: Sequence[Reported], outside: Outside) -> str:
    # Imported here: most runs write no report.
    if form is Form.MARKDOWN:
        from reconciler.render.markdown import markdown

        return markdown(told)
    from reconciler.render.html import html
    from reconciler.render.html.links import Links

    return html(told, Links.of(outside.environ, outside.folder))


@contextmanager
def reporting(
    verb: str,
    selection: Selection,
    reports: tuple[Report, ...],
    console: Console,
    outside: Outside,
    *others: Path | None,
) -> Iterator[Reporting]:
    """Yield what writes the reports; an error that ends the block is reported as well.

    `others` are files that the run writes besides. Errors: `UsageError` before anything is done.
    """
    report = Reporting(verb, reports, console, outside)
    report.check(*others)
    try:
        yield report
    except ReconcilerError as error:
        problems = error.problems if isinstance(error, FilesInvalid) else ()
        report(Stopped(verb, selection.target or "", str(error), error.exit, problems))
        raise
