"""Reports beside what is printed: files that one run writes, however it ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from reconciler.commands.console import Console
from reconciler.commands.github import annotate, github_text, is_in_actions, tell
from reconciler.commands.outside import Outside
from reconciler.commands.session import Selection
from reconciler.config.wording import visible
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError
from reconciler.planfile.writing import check_place, write_report
from reconciler.render.across import TargetEnd
from reconciler.render.links import Links
from reconciler.render.reported import Reported, Stopped, problems_of


class Form(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"
    """For a comment on a pull request."""
    HTML = "html"
    """A page that needs nothing else."""
    GITHUB = "github"
    """What a step of GitHub Actions tells: annotations, outputs and summary, which there need no asking."""


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

    def finish(self) -> None:
        """Tell GitHub, where the run is a step of its Actions, once nothing more is to come."""
        if is_in_actions(self.outside):
            annotate(problems_of(self.told), self.console, self.outside)
            with self._told_if_it_fails():
                tell(self.told, self._exit_code, self.outside)

    @property
    def _exit_code(self) -> int:
        return int(Exit.gravest([self.exit, *(one.exit for one in self.told)]))

    def _write(self, report: Report) -> None:
        with self._told_if_it_fails():
            write_report(self.outside.folder / report.path, self._text(report.form))

    @contextmanager
    def _told_if_it_fails(self) -> Iterator[None]:
        try:
            yield
        except UsageError as error:
            # What was done is done, and is told: this must not come in its place.
            self.console.complain(str(error))
            self.exit = Exit.ERROR

    def _text(self, form: Form) -> str:
        # Imported here: most runs write no report.
        links = Links.of(self.outside.environ, self.outside.folder)
        match form:
            case Form.MARKDOWN:
                from reconciler.render.markdown import markdown

                return markdown(self.told)
            case Form.HTML:
                from reconciler.render.html import html

                return html(self.told, links)
            case Form.GITHUB:
                return github_text(self.told, problems_of(self.told), self._exit_code, links)


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
        report.finish()
        raise
    report.finish()
