"""What a run tells beside its result: to files, to GitHub Actions, of one target or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, noticed_interrupts
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.load import Workspace
from reconciler.config.names import visible
from reconciler.config.secret import Kept, Setting, kept_in
from reconciler.engine.declared import matches
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError, describe
from reconciler.expoints.seed import Seed
from reconciler.planfile.files import check_place, write_report
from reconciler.problems import Problem
from reconciler.render.report import Reported, Stopped, TargetEnd, Underway, heading, problems_of
from reconciler.render.values import Document, harmless

if TYPE_CHECKING:
    from reconciler.render.github import Links
    from reconciler.render.markdown import Limit


def is_in_actions(environment: Environment) -> bool:
    """Tell whether the run is a step of GitHub Actions."""
    return environment.environ.get("GITHUB_ACTIONS", "").lower() == "true"


def begin(workspace: Workspace[Seed], console: Console, environment: Environment) -> None:
    """Say the first things about a workspace: to GitHub what is secret, to a person the warnings."""
    if is_in_actions(environment):
        from reconciler.render.github import mask_lines

        _command(mask_lines(_secrets(workspace, environment)), console)
    if not console.quiet:
        console.problems(workspace.warnings)


def annotate(problems: Sequence[Problem], console: Console, environment: Environment) -> None:
    """Show problems on their lines, where GitHub shows them."""
    if is_in_actions(environment):
        from reconciler.render.github import annotation_lines

        _command(annotation_lines(problems, links_of(environment)), console)


def links_of(environment: Environment) -> Links:
    """Return where files are seen: as git tells in a step of GitHub Actions, else as the variables do."""
    from reconciler.git import open_repository
    from reconciler.render.github import Links

    if is_in_actions(environment):
        try:
            with open_repository(environment.folder, environment.environ) as repository:
                commit = repository.commit("HEAD")
            return Links.in_checkout(environment.environ, environment.folder, commit, repository.prefix)
        except UsageError:
            pass  # no checkout, or one that git does not trust
    return Links.of(environment.environ, environment.folder)


def tell(told: Sequence[Reported], exit_code: int, environment: Environment) -> None:
    """Write the outputs and the summary of the step. Errors: `UsageError` where a file cannot be written."""
    from reconciler.render.github import outputs, outputs_text
    from reconciler.render.markdown import markdown

    _append("GITHUB_OUTPUT", outputs_text(outputs(told, exit_code)), environment)
    _append("GITHUB_STEP_SUMMARY", markdown(told, _room(environment)), environment)


def github_text(told: Sequence[Reported], problems: Sequence[Problem], exit_code: int, links: Links) -> str:
    """Return all that a step would tell GitHub, as one text: annotations, outputs, summary."""
    from reconciler.render.github import annotation_lines, outputs, outputs_text
    from reconciler.render.markdown import STEP_SUMMARY, markdown

    lines = "".join(f"{line}\n" for line in annotation_lines(problems, links))
    return f"{lines}{outputs_text(outputs(told, exit_code))}\n{markdown(told, STEP_SUMMARY)}"


def _command(lines: Iterator[str], console: Console) -> None:
    """Print commands where GitHub reads them: it reads both streams, and JSON has the first one to itself."""
    for line in lines:
        console.command(line)


def _secrets(workspace: Workspace[Seed], environment: Environment) -> Iterator[str]:
    for target in workspace.targets.values():
        for kept in kept_in(target.settings):
            if not (isinstance(kept, Setting) and kept.text is not None):
                yield from _parts(_value(kept, environment))


def _value(kept: Kept, environment: Environment) -> str:
    try:
        return kept.read(environment.environ)
    except UsageError:
        return environment.environ.get(kept.env or "", "")  # malformed as it is, it stays a secret
    except ReconcilerError:
        return ""  # it is not read at all


def _parts(value: str) -> Iterator[str]:
    """Yield a secret, and the password of an address, which may be shown by itself."""
    yield value
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield from (password, unquote(password))


def _room(environment: Environment) -> Limit:
    """Return what the summary of the step has room for, beside what other commands have written."""
    from reconciler.render.markdown import STEP_SUMMARY, Limit

    path = environment.environ.get("GITHUB_STEP_SUMMARY")
    try:
        taken = Path(path).stat().st_size if path else 0
    except OSError:
        taken = 0
    return Limit(max(0, STEP_SUMMARY.most - taken - 1), STEP_SUMMARY.size)


def _append(variable: str, text: str, environment: Environment) -> None:
    path = environment.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("ab+") as file:
            begun = _is_begun(file)
            file.write(f"{chr(10) if begun else ''}{text}".encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{visible(path)} ({variable}) cannot be written: {why}") from error


def _is_begun(file: BinaryIO) -> bool:
    """Tell whether somebody else's last line is still without an end."""
    if file.seek(0, SEEK_END) == 0:
        return False
    file.seek(-1, SEEK_END)
    return file.read(1) != b"\n"


class Form(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"
    """For a comment on a pull request."""
    HTML = "html"
    """A page that needs nothing else."""
    GITHUB = "github"
    """What a step of GitHub Actions tells: annotations, outputs and summary, which there need no asking."""


class ReportFile(Struct, frozen=True):
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
    reports: tuple[ReportFile, ...]
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

    def _write(self, report: ReportFile, told: Sequence[Reported]) -> None:
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
    reports: tuple[ReportFile, ...],
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


_INTERRUPTED = "interrupted"

TargetResult: TypeAlias = tuple[Exit, Document]
"""What a target means by itself, and the document with all that was told of it."""
Visit: TypeAlias = Callable[[Workspace[Seed], Selection], TargetResult]
"""Plans or applies one target, and tells of it on the way."""


class TargetSelection(Struct, frozen=True):
    """Which targets are asked for, in this order; none named are all of the workspace, or the default one."""

    names: tuple[str, ...] = ()
    or_default: bool = False

    def of(self, workspace: Workspace[Seed]) -> tuple[str, ...]:
        """Return the names of the targets. Errors: `UsageError` for one that does not exist, or for none."""
        if not self.names and self.or_default:
            return (chosen_target(workspace, None).name,)
        for name in self.names:
            if name not in workspace.targets:
                raise UsageError(f"there is no target {name}; there are {', '.join(workspace.targets)}")
        return self.names or tuple(workspace.targets)


def visited(
    several: TargetSelection, selection: Selection, visit: Visit, console: Console, environment: Environment
) -> tuple[TargetEnd, ...]:
    """Visit every target of the workspace that is asked for; return how each ended.

    After an interrupt no other one is begun. Errors: `FilesInvalid` and `UsageError` before the first.
    """
    workspace = open_workspace(selection, environment)
    parts = shares(several, selection, workspace)
    begin(workspace, console, environment)
    with noticed_interrupts() as interrupted:
        return tuple(
            _Stop(workspace, part, console).end(visit, is_begun=not interrupted.is_set()) for part in parts
        )


class Share(Struct, frozen=True):
    """What of a selection is there on one target; `None` where nothing of it is."""

    target: str
    selection: Selection | None


def shares(several: TargetSelection, selection: Selection, workspace: Workspace[Seed]) -> tuple[Share, ...]:
    """Return the share of each target; a glob has to match on one of them.

    Errors: `UsageError` for one that matches nowhere.
    """
    keys = {name: _keys(workspace, name) for name in several.of(workspace)}
    for glob in (*selection.only, *selection.exclude):
        if not any(_there([glob], some) for some in keys.values()):
            raise UsageError(f"nothing declared on the targets {', '.join(keys)} is called {glob}")
    return tuple(_share(name, selection, some) for name, some in keys.items())


def _share(name: str, selection: Selection, keys: Sequence[str]) -> Share:
    only, exclude = _there(selection.only, keys), _there(selection.exclude, keys)
    if selection.only and not only:
        return Share(name, None)
    return Share(name, replace(selection, target=name, only=only, exclude=exclude))


def _keys(workspace: Workspace[Seed], target: str) -> Sequence[str]:
    return [*(one.key for one in workspace.declared[target]), *(one.key for one in workspace.seeds[target])]


def _there(globs: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """Return the globs that match any of the keys."""
    return tuple(glob for glob in globs if any(matches(key, glob) for key in keys))


class _Stop(Struct, frozen=True):
    """One target on the way."""

    workspace: Workspace[Seed]
    share: Share
    console: Console

    def end(self, visit: Visit, *, is_begun: bool) -> TargetEnd:
        name = self.share.target
        self.console.interim(heading(name, self.console.paint))
        if not is_begun:
            return self._failed(Exit.ERROR, f"not begun: {_INTERRUPTED}")
        if self.share.selection is None:
            note = "nothing that was selected is declared on it"
            self.console.interim(f"Left out: {note}.")
            return TargetEnd(name, Exit.DONE, note=note)
        try:
            exit, document = visit(self.workspace, self.share.selection)
        except ReconcilerError as error:
            return self._failed(error.exit, str(error))
        except KeyboardInterrupt:
            return self._failed(Exit.ERROR, _INTERRUPTED)
        return TargetEnd(name, exit, document)

    def _failed(self, exit: Exit, error: str) -> TargetEnd:
        self.console.interim(f"Error: {harmless(error)}")
        if self.console.as_json:
            self.console.complain(f"target {self.share.target}: {error}")
        return TargetEnd(self.share.target, exit, error=error)
