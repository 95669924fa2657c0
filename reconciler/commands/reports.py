"""What a run reports beside its result, to files and to GitHub Actions, of one target or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property, partial
from os import SEEK_END
from os.path import realpath
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import unquote, urlsplit

from msgspec import Struct, field
from msgspec.structs import replace

from reconciler.commands.console import Console
from reconciler.commands.environment import Environment, noticed_interrupts
from reconciler.commands.session import check_globs, chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.load import Workspace
from reconciler.config.names import visible
from reconciler.config.settings import Setting, references_in
from reconciler.engine.kind import matches
from reconciler.errors import Exit, FilesInvalid, ReconcilerError, UsageError, describe
from reconciler.expoints.seed import Seed
from reconciler.planfile.files import check_place, write_document
from reconciler.problems import Problem
from reconciler.render.report import Reported, Stopped, TargetEnd, TargetReport, problems_of
from reconciler.render.values import harmless

if TYPE_CHECKING:
    from reconciler.contacts.model import Checked
    from reconciler.render.github import Links
    from reconciler.render.markdown import Limit

_INTERRUPTED = "interrupted"


class Form(StrEnum):
    """What a report is written as."""

    MARKDOWN = "markdown"  # for a comment on a pull request
    HTML = "html"  # a page that needs nothing else
    GITHUB = "github"  # annotations, outputs and summary, as a step of GitHub Actions writes them unasked


class ReportFile(Struct, frozen=True):
    """A report that was asked for, and the file that it goes to."""

    form: Form
    path: Path


class Reporting(Struct, dict=True):
    """The reports of one run, written when it begins, whenever a target is done, and at the end.

    Until then each says that the run has not ended. `exit` is an error once one could not be written that a
    plan was asked for; of an apply, that takes nothing back.
    """

    verb: str
    target: str  # the target that was named, if one was
    reports: tuple[ReportFile, ...]
    console: Console
    environment: Environment
    exit: Exit = Exit.DONE
    reported: list[Reported] = field(default_factory=list)
    checked: Checked | None = None  # what a check of a contact file has found, which is no plan

    def interim(self, reported: Reported) -> None:
        """Add the report of one more target, and write every file, marked as unfinished."""
        self.reported.append(reported)
        # A report that cannot be written is reported once.
        so_far = [*self.reported, Stopped.underway(self.verb, self.target)]
        self.reports = tuple(one for one in self.reports if self._tried(partial(self.write, one, so_far)))

    def failures(self, ends: Sequence[TargetEnd]) -> None:
        """Add the targets that have no plan and no end."""
        for end in ends:
            if end.error:
                self.reported.append(Stopped(self.verb, end.target, end.error, end.exit))

    def stop(self, error: BaseException) -> None:
        """Add what ended the run before its time."""
        exit, problems = Exit.ERROR, tuple[Problem, ...]()
        if isinstance(error, ReconcilerError):
            why, exit = str(error), error.exit
            problems = tuple(error.problems) if isinstance(error, FilesInvalid) else ()
        elif isinstance(error, KeyboardInterrupt):
            why = _INTERRUPTED
        else:
            why = f"the program broke: {type(error).__name__}"
        self.reported.append(Stopped(self.verb, self.target, why, exit, problems))

    def finish(self) -> None:
        """Write every file for the last time, and what a step of GitHub Actions writes."""
        whole = self.reported
        self.reports = tuple(one for one in self.reports if self._tried(partial(self.write, one, whole)))
        if is_in_actions(self.environment):
            for write in (self._annotate, self._write_outputs, self._write_summary):
                self._tried(write, unasked=True)

    def _annotate(self) -> None:
        annotate(problems_of(self.reported), self.console, self.environment)

    def _write_outputs(self) -> None:
        from reconciler.render.github import outputs_text

        text = outputs_text(self.reported, self._exit_code)
        refused = f"refused={self.checked.refused}\n" if self.checked else ""
        _append("GITHUB_OUTPUT", f"{text}{refused}", self.environment)

    def _write_summary(self) -> None:
        from reconciler.render.markdown import STEP_SUMMARY, Limit

        # It has room for what other commands of the step have not written into it.
        path = self.environment.environ.get("GITHUB_STEP_SUMMARY")
        try:
            taken = Path(path).stat().st_size if path else 0
        except OSError:
            taken = 0
        limit = Limit(max(0, STEP_SUMMARY.most - taken - 1), STEP_SUMMARY.size)
        _append("GITHUB_STEP_SUMMARY", self._markdown(self.reported, limit), self.environment)

    def _markdown(self, reported: Sequence[Reported], limit: Limit) -> str:
        # Imported here: most runs write no report.
        from reconciler.render.markdown import markdown

        if self.checked is not None and not reported:
            from reconciler.render.contacts import contacts_markdown

            return contacts_markdown(self.checked, limit, self._origin)
        return markdown(reported, limit, self._origin)

    @cached_property
    def _origin(self) -> Sequence[tuple[str, str]]:
        # Imported here: most runs write no report.
        from reconciler.commands.runs import origin_of

        return origin_of(self.environment.environ, self.environment.folder, self.environment.clock.now())

    @property
    def _exit_code(self) -> int:
        checked = [self.checked.exit] if self.checked else []
        return int(Exit.gravest([self.exit, *checked, *(one.exit for one in self.reported)]))

    def write(self, report: ReportFile, reported: Sequence[Reported]) -> None:
        """Write one report. Errors: `UsageError`."""
        # Imported here: most runs write no report.
        match report.form:
            case Form.MARKDOWN:
                from reconciler.render.markdown import COMMENT

                text = self._markdown(reported, COMMENT)
            case Form.HTML if self.checked is not None and not reported:
                from reconciler.render.contacts import contacts_html

                text = contacts_html(self.checked, links_of(self.environment), self._origin)
            case Form.HTML:
                from reconciler.render.html import html

                text = html(reported, links_of(self.environment), self._origin)
            case Form.GITHUB:
                from reconciler.render.github import annotation_lines, outputs_text
                from reconciler.render.markdown import STEP_SUMMARY, markdown

                # All that a step would write for GitHub, as one text: annotations, outputs, summary.
                lines = annotation_lines(problems_of(reported), links_of(self.environment))
                outputs = outputs_text(reported, self._exit_code)
                commands = "".join(f"{line}\n" for line in lines)
                text = f"{commands}{outputs}\n{markdown(reported, STEP_SUMMARY)}"
        write_document(self.environment.folder / report.path, text, "report")

    def _tried(self, write: Callable[[], None], *, unasked: bool = False) -> bool:
        """Return whether something could be written. That it could not is said, not raised.

        A report that cannot be written must not hide the result of the run.
        """
        try:
            write()
        except Exception as error:  # noqa: BLE001
            said = isinstance(error, ReconcilerError)
            text = str(error) if said else f"a report was not written: {describe(error)}"
            if unasked or self.verb == "apply":
                self.console.warn(text, always=True)
            else:
                self.console.complain(text)
                self.exit = Exit.ERROR
            return False
        return True


@contextmanager
def reporting(
    verb: str,
    selection: Selection,
    reports: tuple[ReportFile, ...],
    console: Console,
    environment: Environment,
    *others: Path | None,
) -> Iterator[Reporting]:
    """Yield what collects the reports of the run; an error that ends the block is reported as well.

    `others` are files that the run writes besides. Errors: `UsageError` before anything is done.
    """
    report = Reporting(verb, selection.target or "", reports, console, environment)
    taken = {Path(realpath(environment.folder / path)) for path in others if path}
    for file in reports:
        path = environment.folder / file.path
        check_place(path, "report")
        if path.resolve() in taken:
            raise UsageError(f"{visible(str(file.path))} would be written twice: name another file")
        taken.add(path.resolve())
    for file in reports:
        report.write(file, [Stopped.underway(verb, report.target)])
    try:
        yield report
    except BaseException as error:
        report.stop(error)
        report.finish()
        raise
    report.finish()


TargetResult: TypeAlias = tuple[Exit, TargetReport | None]
"""What a target means by itself, and what there is to report of it."""
Visit: TypeAlias = Callable[[Workspace[Seed], Selection], TargetResult]
"""Plans or applies one target, and prints that."""


class TargetSelection(Struct, frozen=True):
    """Which targets are asked for, in this order; none named are all of the workspace, or the default one."""

    names: tuple[str, ...] = ()
    or_default: bool = False

    def of(self, workspace: Workspace[Seed]) -> tuple[str, ...]:
        """Return the names of the targets. Errors: `UsageError` for one that does not exist, or for none."""
        if not self.names and self.or_default:
            return (chosen_target(workspace, None).name,)
        for name in self.names:
            chosen_target(workspace, name)
        return self.names or tuple(workspace.targets)


def for_each_target(
    targets: TargetSelection, selection: Selection, visit: Visit, console: Console, environment: Environment
) -> tuple[TargetEnd, ...]:
    """Visit every target of the workspace that is asked for, each by itself; return how each ended.

    The failure of one leaves the others whole. After an interrupt no other one is begun. Errors:
    `FilesInvalid`, and `UsageError` for a glob that matches on no target, before the first.
    """
    workspace = open_workspace(selection, environment)
    keys = {
        name: [*(one.key for one in workspace.declared[name]), *(seed.key for seed in workspace.seeds[name])]
        for name in targets.of(workspace)
    }

    def there(globs: Sequence[str], some: Sequence[str]) -> tuple[str, ...]:
        return tuple(glob for glob in globs if any(matches(key, glob) for key in some))

    everywhere = {key for some in keys.values() for key in some}
    check_globs(selection, everywhere, f"the targets {', '.join(keys)}")
    begin(workspace, console, environment)
    ends = []
    with noticed_interrupts() as interrupted:
        for name, some in keys.items():
            only, exclude = there(selection.only, some), there(selection.exclude, some)
            part = replace(selection, target=name, only=only, exclude=exclude)
            console.interim(console.paint.strong(f"── {harmless(name)} ──"))
            if interrupted.is_set():
                ends.append(_failed(name, Exit.ERROR, f"not begun: {_INTERRUPTED}", console))
            elif selection.only and not only:
                note = "nothing that was selected is declared on it"
                console.interim(f"Left out: {note}.")
                ends.append(TargetEnd(name, Exit.DONE, note=note))
            else:
                ends.append(_end(name, partial(visit, workspace, part), console))
    return tuple(ends)


def _end(name: str, visit: Callable[[], TargetResult], console: Console) -> TargetEnd:
    try:
        exit, report = visit()
    except ReconcilerError as error:
        return _failed(name, error.exit, str(error), console)
    except KeyboardInterrupt:
        return _failed(name, Exit.ERROR, _INTERRUPTED, console)
    return TargetEnd(name, exit, report)


def _failed(name: str, exit: Exit, error: str, console: Console) -> TargetEnd:
    console.interim(f"Error: {harmless(error)}")
    if console.as_json or console.quiet:
        console.complain(f"target {name}: {error}")
    return TargetEnd(name, exit, error=error)


def is_in_actions(environment: Environment) -> bool:
    """Return whether the run is a step of GitHub Actions."""
    return environment.environ.get("GITHUB_ACTIONS", "").lower() == "true"


def begin(workspace: Workspace[Seed], console: Console, environment: Environment) -> None:
    """Say the first things about a workspace: to GitHub what is secret, to a person the warnings."""
    if is_in_actions(environment):
        from reconciler.render.github import mask_lines

        for line in mask_lines(_secrets(workspace, environment)):
            console.command(line)
    console.problems(workspace.warnings)


def annotate(problems: Sequence[Problem], console: Console, environment: Environment) -> None:
    """Show problems on their lines, where GitHub shows them."""
    if is_in_actions(environment):
        from reconciler.render.github import annotation_lines

        for line in annotation_lines(problems, links_of(environment)):
            console.command(line)


def links_of(environment: Environment) -> Links:
    """Return where files are seen: by git in a step of GitHub Actions, else by the variables."""
    from reconciler.git import find_repository, without_settings
    from reconciler.render.github import Links

    if is_in_actions(environment):
        try:
            with without_settings(find_repository(environment.folder, environment.environ)) as repository:
                commit = repository.commit("HEAD")
            return Links.in_checkout(environment.environ, environment.folder, commit, repository.prefix)
        except UsageError:
            pass  # no checkout, or one that git does not trust
    return Links.of(environment.environ, environment.folder)


def _append(variable: str, text: str, environment: Environment) -> None:
    """Append to the file that a variable names; the last line in it may still be without an end.

    Errors: `UsageError` where it cannot be written.
    """
    path = environment.environ.get(variable)
    if not path:
        return
    try:
        with Path(path).open("ab+") as file:
            is_begun = False
            if file.seek(0, SEEK_END):
                file.seek(-1, SEEK_END)
                is_begun = file.read(1) != b"\n"
            file.write(f"{chr(10) if is_begun else ''}{text}".encode("utf-8", "backslashreplace"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise UsageError(f"{visible(path, longest=4096)} ({variable}) cannot be written: {why}") from error


def _secrets(workspace: Workspace[Seed], environment: Environment) -> Iterator[str]:
    """Yield every secret of the files, and the password of an address, which may be shown by itself."""
    for target in workspace.targets.values():
        for kept in references_in(target.settings):
            if isinstance(kept, Setting) and kept.text is not None:
                continue
            try:
                value = kept.read(environment.environ)
            except UsageError:
                value = environment.environ.get(kept.env or "", "")  # malformed as it is, it stays a secret
            except ReconcilerError:
                continue  # it is not read at all
            yield value
            try:
                password = urlsplit(value).password
            except ValueError:
                continue
            if password:
                yield from (password, unquote(password))
