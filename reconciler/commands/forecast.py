"""`reconciler forecast`: when people are mailed by an import or a seed, and how long they can answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from reconciler.checkmarket.effects import Timeline
from reconciler.checkmarket.forecast import Sentence, declared_values, forecast_of
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.session import Chosen, check_globs, choose
from reconciler.commands.workspace import Selection
from reconciler.engine.kind import Certainty, Declared, Values, matches
from reconciler.errors import Exit, UsageError
from reconciler.expoints.planning import times_of
from reconciler.expoints.seed import TIME_FORM, Moment, Seed, mailed_from, resolve
from reconciler.planfile.files import check_place, write_document
from reconciler.problems import Severity
from reconciler.render.forecast import forecast_calendar, forecast_document, forecast_text
from reconciler.render.values import Document, counted


def forecast(
    key: str,
    at: str,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    rows: int | None = None,
    file: Path | None = None,
    ics: Path | None = None,
    live: bool = False,
) -> Exit:
    """Print when people are mailed by what `key` names, at a moment as seeds write them, and until when.

    Offline, unless `live` asks the account for what is not declared. `rows`, or those of a `file`, say how
    many people it is about; `ics` is a calendar that is written. Errors: `UsageError`, `FilesInvalid`; with
    `live` those of a plan too.
    """
    chosen = choose(selection, environment)
    console.problems(chosen.workspace.warnings)
    target, zone = chosen.target.name, chosen.workspace.settings.time_zone
    now = datetime.fromtimestamp(environment.clock.now(), zone)
    try:
        start, moved = resolve(Moment(at, is_time=TIME_FORM.fullmatch(at) is not None), now, zone)
    except ValueError as error:
        raise UsageError(f"--at: {error}") from error
    if moved:
        console.warn(f"--at: {moved}")
    elif ":" not in at and at != "now":
        console.say(f"--at {at} is the beginning of that day; a time may follow, as in --at '{at} 09:00'.")
    if ics:
        check_place(environment.folder / ics, "calendar")
    found, people = _named(key, chosen), None
    if isinstance(found, Seed):
        if live or file or rows is not None:
            raise UsageError(f"{found.key} is a test batch: leave out --live, --file and --rows")
        one = _of_seed(found, start, zone)
        people = {"rows": len(found.customers), "refused": None}
    else:
        people = {"rows": rows, "refused": None} if rows is not None else None
        values, undeclared = declared_values(found, chosen.target.defaults)
        if live:
            values, undeclared = _live_values(found.key, selection, console, environment), {}
        one = forecast_of(values, undeclared, start.astimezone(zone))
        if file:
            people, note = _rows_of(file, found.key, chosen, start, console)
            one = replace(one, notes=[*one.notes, note])
    if ics:
        calendar = forecast_calendar(found.key, target, one, now)
        if not calendar:
            raise UsageError(f"there is no moment to write to {ics}: leave out --ics, or add --live")
        write_document(environment.folder / ics, calendar, "calendar")
    text = forecast_text(found.key, target, one, people, paint=console.paint)
    console.result(text, forecast_document(found.key, target, one, people), has_summary=True)
    return Exit.DONE


def _named(key: str, chosen: Chosen) -> Declared | Seed:
    """Return what a key names on the target. Errors: `UsageError` where that is not one thing in use."""
    target, workspace = chosen.target.name, chosen.workspace
    every: list[Declared | Seed] = [*workspace.declared[target], *workspace.seeds[target]]
    homes = [
        name for name in workspace.targets if any(matches(one.key, key) for one in workspace.declared[name])
    ]
    more = f". It lives on {', '.join(homes)}: add --target" if homes else ""
    check_globs(Selection(only=(key,)), [one.key for one in every], f"target {target}", more)
    found = [one for one in every if matches(one.key, key)]
    if len(found) > 1:
        raise UsageError(f"{key} names more than one: {', '.join(one.key for one in found)}; name one")
    if isinstance(found[0], Declared) and (found[0].absent or found[0].hidden):
        what = "absent" if found[0].absent else "hidden"
        raise UsageError(f"{found[0].key} is declared {what}: true on {target}: nothing is imported with it")
    return found[0]


def _rows_of(
    file: Path, key: str, chosen: Chosen, at: datetime, console: Console
) -> tuple[Document, Sentence]:
    """Return how many rows a file of contacts has and would lose. Errors: `UsageError`, as of `check`."""
    # Imported here: most forecasts are of no file.
    from reconciler.commands.check import judged, rules_of

    rules, environment = rules_of(chosen.workspace, chosen.target.name, key), chosen.environment
    checked = judged(environment.folder / file, rules, at.date(), console, environment)
    text = f"{checked.refused} of {counted(checked.rows, 'row')} would be refused; check says which, and why"
    if any(one.severity is Severity.ERROR for one in checked.problems):
        text = "the file does not fit the configuration; check says why"
    return {"rows": checked.rows, "refused": checked.refused}, (Certainty.INFERRED, text)


def _live_values(key: str, selection: Selection, console: Console, environment: Environment) -> Values:
    """Return what an apply leaves on the account. Errors: as of a plan; `UsageError` where it has none."""
    # Imported here: a forecast of the files alone asks no API.
    from reconciler.commands.journal import remembered
    from reconciler.commands.plan import read_target
    from reconciler.commands.session import open_session
    from reconciler.engine.plan import Consent

    selected = replace(selection, only=(key,))
    with open_session(selected, environment) as session, remembered(session, console) as memory:
        plan = read_target(session, memory, Consent(resets=None), console).plan()
    every = [*(one.fields for one in plan.every_change), *(one.fields for one in plan.unchanged)]
    if every:
        return {view.path: view.after for view in every[0]}
    why = "; ".join(block.message for blocked in plan.blocked for block in blocked.blocks)
    raise UsageError(f"{key} cannot be read from the account: {why}")


def _of_seed(seed: Seed, at: datetime, zone: ZoneInfo) -> Timeline:
    """Return when the customers of a seed that is sent at a moment are mailed, and until when they answer."""
    members = [customer.members for customer in seed.customers]
    mails = [mailed_from(own.get("SendDate"), seed.batch.get("SendTime"), at, zone) for own in members]
    closing = [own.get("EndDate") or seed.batch.get("EndDate") for own in members]
    ends = [resolve(end, at, zone)[0] for end in closing if isinstance(end, Moment)]
    one = Timeline(
        at=at,
        zone=zone.key,
        invited=min(mails),
        invited_earliest=min(mails),
        invited_latest=max(mails),
        lapses=min(ends, default=None),
        lapses_earliest=min(ends, default=None),
        lapses_latest=max(ends, default=None),
        lapses_certainty=Certainty.DOCUMENTED if len(ends) == len(members) else Certainty.UNKNOWN,
    )
    return replace(one, notes=[*_sentences(seed, one, zone)])


def _sentences(seed: Seed, one: Timeline, zone: ZoneInfo) -> Iterator[Sentence]:
    """Yield what a person should know of the moments of a seed. Vendor page: POST-api-v3-customer-add."""
    for text in times_of(seed, one.at, zone):
        yield Certainty.DOCUMENTED, text
    yield (
        Certainty.DOCUMENTED,
        "a customer is mailed on its send_date, at once without one, not before send_time",
    )
    if seed.batch.get("ApproveAutomatically") is not True:
        yield (
            Certainty.DOCUMENTED,
            "a person at Expoints has to approve the batch first: until then no mail leaves",
        )
    if one.lapses_certainty is Certainty.UNKNOWN:
        yield Certainty.UNKNOWN, "without an end_date Expoints decides when a questionnaire closes"
    if one.lapses:
        yield Certainty.DOCUMENTED, "after its end_date a questionnaire cannot be opened"
    if one.lapses_first:
        yield Certainty.INFERRED, "it closes before mail leaves, so apply sends nothing of it"
    yield Certainty.UNKNOWN, "what was sent before is in the journal, which is not looked at"
