"""`reconciler lookup`: ids and names as an account has them, in the form in which the files take them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec.structs import replace

from reconciler.checkmarket.client import ImportConfigs
from reconciler.commands.console import Console, Pool
from reconciler.commands.environment import Environment
from reconciler.commands.expoints import expoints_session
from reconciler.commands.session import Session, chosen_target, open_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.adopting import is_one_line
from reconciler.config.layout import scalar
from reconciler.config.names import LONGEST_NAME, meant, unaccented, visible
from reconciler.engine.body import value_at
from reconciler.engine.inventory import Listing, take_inventory
from reconciler.errors import Exit, UsageError
from reconciler.expoints.planning import columns_by_key
from reconciler.expoints.seed import canonical
from reconciler.problems import folded
from reconciler.render.listing import Found, lookup_document, lookup_text
from reconciler.render.values import harmless, in_short, shown, wrapped

_SORTS = {
    "surveys": ("survey", "surveys", "paste a line under survey_settings:"),
    "lists": ("contact list", "contact lists", "paste a line into an import configuration"),
    "columns": ("column", "columns", "each customer of a seed needs every required one"),
    "statuses": ("status", "statuses", "name in a seed only those that mean that no mail was sent"),
}
"""What one and several of a sort are called, and what the files do with them."""
_NO_CALL = (
    "The API has no call for contact lists. These are in use by import configurations, or stand in "
    "contact_lists: of the target; the Tool, CheckMarket's website, has all, under Account > Contacts > "
    "Contact lists."
)


def lookup(
    what: str, words: Sequence[str], selection: Selection, console: Console, environment: Environment
) -> Exit:
    """Print what there is of a sort, or what has each of the words in its name or as its id.

    Asks the one API that knows it, and needs no credentials of the other; the files but `reconciler.yaml` may
    have errors, which it helps to mend. Errors: `UsageError` where the
    target has no such API, or nothing has the words.
    """
    one, several, use = _SORTS[what]
    workspace = open_workspace(selection, environment, of_settings=True)
    target = chosen_target(workspace, selection.target)
    api = "expoints" if what in ("columns", "statuses") else "checkmarket"
    if getattr(target, api) is None:
        lacks = f"target {target.name} has no {api}: section, and so no {several}"
        raise UsageError(f"{lacks}; add one to reconciler.yaml")
    if api == "expoints":
        target = replace(target, checkmarket=None)
        workspace = replace(workspace, targets={**workspace.targets, target.name: target})
    with open_target(workspace, selection, environment) as session:
        read = {"surveys": _surveys, "lists": _lists, "columns": _columns, "statuses": _statuses}[what]
        every = read(session, console)
    found = [thing for thing in every if all(_has(word, thing) for word in words)]
    if every and not found:
        sought, names = visible(" ".join(words)), [thing.name or str(thing.id) for thing in every]
        raise UsageError(f"no {one} on {target.name} has {sought} in its name; {meant(sought, names)}")
    number = f"{len(every)} {one if len(every) == 1 else several}"
    summary = f"{f'{len(found)} of ' if words else ''}{number} on {target.name}; {use}."
    under = {"columns": "data:", "statuses": "fault_statuses:"}.get(what, "")
    note = _NO_CALL if what == "lists" else ""
    ends = [wrapped(note, console.paint.width)]
    given = [thing.paste for thing in found if thing.paste and (words or thing.more.get("required"))]
    if what == "columns" and given:
        ends.append(f"data: {{{', '.join(given)}}}")
    text = lookup_text(found, under, ends, summary, paint=console.paint)
    console.result(text, lookup_document(target.name, what, found, note), has_summary=True, is_code=True)
    return Exit.DONE


def _has(word: str, thing: Found) -> bool:
    names = f"{thing.name or ''} {thing.more.get('display_name') or ''}"
    return word == str(thing.id) or unaccented(folded(word)) in unaccented(folded(names))


def _written(name: str) -> str | None:
    """Return a name as a line of YAML has it; `None` where the files cannot hold it."""
    if not is_one_line(name) or len(name) > LONGEST_NAME:
        return None
    text = scalar(name)
    return text if harmless(text) == text else harmless(scalar(name, '"'))


def _surveys(session: Session, _: Console) -> list[Found]:
    assert isinstance(session.client, ImportConfigs)  # noqa: S101  # the target has an account
    found = []
    for title, ids in session.client.titles().items():
        name = _written(title) if len(ids) == 1 else None
        for id, status in ids.items():
            parts = [str(id), status] if name else [shown(title), status, *["like another"] * (len(ids) > 1)]
            paste, about = f"survey: {name}" if name else f"survey_id: {id}", ", ".join(filter(None, parts))
            found.append(Found(id, title, paste, about, {"status": status or None}))
    return sorted(found, key=lambda one: (unaccented(folded(one.name or "")), one.id))


def _lists(session: Session, console: Console) -> list[Found]:
    kind, names = session.kind, dict[int, list[str]]()
    for name, id in session.target.ids["contact_lists"].items():
        names.setdefault(id, []).append(name)
    pool = Pool(session.checkmarket.workers, console, session.checkmarket.requests_per_minute)
    live = take_inventory(session.client, kind, (), listing=Listing.EVERYTHING, mapper=pool).listed
    uses = dict[int, list[str]]()
    for one in live:
        used_id = value_at(one.body, kind.by_path["contact_list_id"].member)
        if isinstance(used_id, int):
            uses.setdefault(used_id, []).append(one.name)
    found = []
    for id in sorted({*names, *uses}):
        used = uses.get(id, [])
        by = f"used by {in_short([*map(shown, used)])}" if used else "used by no import configuration"
        for called in names.get(id, [""]):
            written = called and _written(called)
            paste = f"contact_list: {written}" if written else f"contact_list_id: {id}"
            found.append(
                Found(id, called or None, paste, f"{id}, {by}" if written else by, {"used_by": used})
            )
    return found


def _columns(session: Session, console: Console) -> list[Found]:
    with expoints_session(session, console) as expoints:
        columns = expoints.client.columns()
    meant_by, found = columns_by_key(columns), []
    for one in sorted(columns, key=lambda one: (one.archived, not one.required)):
        name = one.name if not one.name.isdecimal() and meant_by[canonical(one.name)] == [one] else ""
        key = None if one.archived else _written(name) or scalar(str(one.id))
        label = shown(one.display_name) if one.display_name not in ("", one.name) else ""
        ways = {"required": one.required, "archived": one.archived}
        parts = [str(one.id), "archived" if one.archived else "required" if one.required else "", label]
        if key is not None and key != _written(one.name):
            parts[0] = shown(one.name)
        about = ", ".join(filter(None, parts))
        more = {**ways, "display_name": one.display_name or None}
        found.append(Found(one.id, one.name, key and f'{key}: ""', about, more))
    return found


def _statuses(session: Session, console: Console) -> list[Found]:
    with expoints_session(session, console) as expoints:
        statuses = expoints.client.statuses()
    alike, found = Counter(statuses.values()), []
    for code, name in statuses.items():
        written = _written(name) if alike[name] == 1 else None
        found.append(Found(code, name, f"- {written or code}", str(code) if written else shown(name)))
    return found
