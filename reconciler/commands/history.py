"""`reconciler history`: the runs of a target, what each of them wrote, and forgetting old ones."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.journal import open_past, open_to_write
from reconciler.commands.session import Chosen, choose
from reconciler.commands.workspace import Selection
from reconciler.errors import Exit, UsageError
from reconciler.journal.entries import Run
from reconciler.journal.journal import ReadOnlyJournal
from reconciler.render.history import history_document, history_text, run_document, run_text
from reconciler.render.values import FORMAT_VERSION, counted


class Filter(Struct, frozen=True):
    """Which runs to show: that wrote or sent a key of these globs, or began `since` seconds ago; how many."""

    keys: tuple[str, ...] = ()
    since: float | None = None
    limit: int = 20


def history(selection: Selection, wanted: Filter, console: Console, environment: Environment) -> Exit:
    """Print the runs of the target, newest first. Asks no API and needs no secret but the journal's."""
    chosen = choose(selection, environment)
    with open_past(chosen) as past:
        runs = [past.record(run).run for run in _wanted(past, chosen, wanted)]
    zone, now = chosen.workspace.settings.time_zone, environment.clock.now()
    text = history_text(chosen.target.name, runs, zone, now, paint=console.paint)
    console.result(text, history_document(runs))
    return Exit.DONE


def _wanted(past: ReadOnlyJournal, chosen: Chosen, wanted: Filter) -> list[Run]:
    now = chosen.environment.clock.now()

    def writes(run: Run) -> bool:
        record = past.record(run)
        keys = [operation.intent.key for operation in (*record.operations, *record.resolved)]
        keys += [mail.seed for mail in record.mail]
        names = [*keys, *(key.partition(".")[2] for key in keys)]
        return any(fnmatchcase(name, glob) for name in names for glob in wanted.keys)

    found = (run for run in past.runs() if run.start.target == chosen.target.name)
    recent = (run for run in found if wanted.since is None or now - run.began <= wanted.since)
    return list(islice((run for run in recent if not wanted.keys or writes(run)), wanted.limit))


def history_show(number: int, selection: Selection, console: Console, environment: Environment) -> Exit:
    """Print one run with all that it wrote down. Errors: `UsageError` where there is no such run."""
    chosen = choose(selection, environment)
    with open_past(chosen) as past:
        record = replace(past.record(the_run(past, number)), operations=past.operations(number))
    kinds = {SECTION.kind.name: SECTION.kind}
    zone = chosen.workspace.settings.time_zone
    text = run_text(record, kinds, zone, environment.clock.now(), paint=console.paint)
    console.result(text, run_document(record, kinds))
    return Exit.DONE


def the_run(past: ReadOnlyJournal, number: int) -> Run:
    """Return a run. Errors: `UsageError` where the journal knows no such number."""
    run = past.run(number)
    if run is None:
        raise UsageError(f"the journal knows no run {number}; see reconciler history")
    return run


def history_prune(
    age: float, selection: Selection, console: Console, environment: Environment, *, yes: bool
) -> Exit:
    """Forget runs that ended so many seconds ago. They cannot be restored afterwards."""
    chosen = choose(selection, environment)
    if not yes:
        console.confirm("Forget these runs? They cannot be restored afterwards.", "nothing was forgotten")
    with open_to_write(chosen) as journal:
        pruned = journal.prune(environment.clock.now() - age)
    runs, writes = len(pruned.runs), pruned.operations
    text = f"Forgot {counted(runs, 'run')} with {counted(writes, 'write')}."
    document = {"format_version": FORMAT_VERSION, "runs": runs, "operations": writes}
    console.result(text, document)
    return Exit.DONE
