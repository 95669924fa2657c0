"""Reports beside what is printed: files that one run writes, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.github import annotate, github_text, is_in_actions, links_of, tell
from reconciler.commands.workspace import Selection
from reconciler.config.names import visible
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError, describe
from reconciler.planfile.files import check_place, write_report
from reconciler.problems import Problem
from reconciler.render.report import Reported, Stopped, TargetEnd, Underway, problems_of


class Form(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"
    """For a comment on a pull request."""
    HTML = "html"
    """A page that needs nothing else."""
    GITHUB = "github"
    """What a step of GitHub Actions tells: annotations, outputs and summary, which there need no asking."""


class Report(Struct, frozen=True):
    """A report that was asked for, and the file that it goes to."""

    form: Form
    path: Path


class Reporting(Struct):
    """The reports of one run, each written when it begins, whenever a target is done, and at the end.

    Until then each says that the run has not ended, so that none is taken for more than it is.
    `exit` is an error once one could not be written.
    """

    verb: str
    selection: Selection
    reports: tuple[Report, ...]
    console: Console
    environment: Environment
    exit: Exit = Exit.DONE
    told: list[Reported] = field(default_factory=list)

    def check(self, *others: Path | None) -> None:
        """Check that every report can be written, each to a file of its own. Errors: `UsageError`."""
        taken = {(self.environment.folder / path).resolve() for path in others if path}
        for report in self.reports:
            path = self.environment.folder / report.path
            check_place(path, "report")
            if path.resolve() in taken:
                raise UsageError(f"{visible(str(report.path))} would be written twice: name another file")
            taken.add(path.resolve())

    def begin(self) -> None:
        """Write every report for the first time. Errors: `UsageError` for one that cannot be written."""
        for report in self.reports:
            self._write(report, [self._underway])

    def __call__(self, reported: Reported) -> None:
        """Remember what there is to tell of one more target."""
        self.told.append(reported)

    def interim(self, reported: Reported) -> None:
        """Write every report with what there is to tell of one more target, and not of all."""
        self(reported)
        self._write_all([*self.told, self._underway])

    def failures(self, ends: Sequence[TargetEnd]) -> None:
        """Tell of the targets of which there is no plan and no end."""
        for end in ends:
            if end.error:
                self(Stopped(self.verb, end.target, end.error, end.exit))

    def stop(self, error: BaseException) -> None:
        """Tell of what ended the run before its time."""
        match error:
            case FilesInvalid():
                self(self._stopped(str(error), error.exit, error.problems))
            case ReconcilerError():
                self(self._stopped(str(error), error.exit))
            case KeyboardInterrupt():
                self(self._stopped("interrupted"))
            case _:
                self(self._stopped(f"the program broke: {type(error).__name__}"))

    def finish(self) -> None:
        """Write every report for the last time; tell GitHub, where the run is a step of its Actions."""
        self._write_all(self.told)
        if is_in_actions(self.environment):
            self._tried(lambda: annotate(problems_of(self.told), self.console, self.environment))
            self._tried(lambda: tell(self.told, self._exit_code, self.environment))

    @property
    def _underway(self) -> Underway:
        return Underway(self.verb, self.selection.target or "")

    @property
    def _exit_code(self) -> int:
        return int(Exit.gravest([self.exit, *(one.exit for one in self.told)]))

    def _stopped(self, why: str, exit: Exit = Exit.ERROR, problems: Sequence[Problem] = ()) -> Stopped:
        return Stopped(self.verb, self.selection.target or "", why, exit, problems)

    def _write_all(self, told: Sequence[Reported]) -> None:
        # One that fails is told of once.
        self.reports = tuple(one for one in self.reports if self._tried(partial(self._write, one, told)))

    def _write(self, report: Report, told: Sequence[Reported]) -> None:
        write_report(self.environment.folder / report.path, self._text(report.form, told))

    def _tried(self, write: Callable[[], None]) -> bool:
        """Return whether something could be written. That it could not is said, not raised.

        A report that cannot be written must not hide the result of the run.
        """
        try:
            write()
        except Exception as error:  # noqa: BLE001
            said = isinstance(error, ReconcilerError)
            self.console.complain(str(error) if said else f"a report was not written: {describe(error)}")
            self.exit = Exit.ERROR
            return False
        return True

    def _text(self, form: Form, told: Sequence[Reported]) -> str:
        # Imported here: most runs write no report.
        match form:
            case Form.MARKDOWN:
                from reconciler.render.markdown import markdown

                return markdown(told)
            case Form.HTML:
                from reconciler.render.html import html

                return html(told, links_of(self.environment))
            case Form.GITHUB:
                return github_text(told, problems_of(told), self._exit_code, links_of(self.environment))


@contextmanager
def reporting(
    verb: str,
    selection: Selection,
    reports: tuple[Report, ...],
    console: Console,
    environment: Environment,
    *others: Path | None,
) -> Iterator[Reporting]:
    """Yield what is told of the run; whatever ends the block is reported as well.

    `others` are files that the run writes besides. Errors: `UsageError` before anything is done.
    """
    report = Reporting(verb, selection, reports, console, environment)
    report.check(*others)
    report.begin()
    try:
        yield report
    except BaseException as error:
        report.stop(error)
        report.finish()
        raise
    report.finish()
