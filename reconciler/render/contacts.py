"""What a check of a contact file has found: as text, JSON, Markdown, a page, and problems of the file.

Of cells there are shapes alone, unless values were asked for, which the command lets through to a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec.structs import asdict, replace

from reconciler.contacts.codes import RESULT_CODES
from reconciler.contacts.model import FIELDS, Checked, RowResult
from reconciler.contacts.reading import letters_of
from reconciler.errors import Exit
from reconciler.problems import Place, Problem, Severity
from reconciler.render.github import Links
from reconciler.render.markdown import COMMENT, Group, Limit, code, fitted, marker, prose
from reconciler.render.values import (
    FORMAT_VERSION,
    MOST_LISTED,
    PLAIN,
    Document,
    Paint,
    columns,
    harmless,
    in_short,
    problem_document,
    problems_text,
    shortened,
    shown,
)

_FILE = "The file against the configuration"
_PREDICTED = "Predicted results of rows (✗ counts as refused)"
_UNKNOWN = "Not known without the account"
_TELLS_ALL = "--verbose or --format json lists them"
_LONGEST = 1000  # characters of a sentence
_A_LITTLE = 0.05  # percent, which would be rounded to nothing


def contacts_summary(checked: Checked) -> str:
    """Return the last line of a check, whose form is stable."""
    share = 100 * checked.refused / checked.rows if checked.rows else 0
    refused = f"{checked.refused:,} would be refused ({'<0.1' if 0 < share < _A_LITTLE else f'{share:.1f}'}%)"
    errors, warnings, hints = (number for _, _, number in _figures(checked)[2:])
    problems = f"{_many(errors, 'problem')} of the file; {_many(warnings, 'warning')}, {_many(hints, 'hint')}"
    return f"Check: {_many(checked.rows, 'row')}, {refused}, {problems}."


def contacts_text(checked: Checked, *, every: bool = False, paint: Paint = PLAIN) -> str:
    """Return the check as text: `every` problem, or the first of each code. The last line is its summary."""
    parts = ["\n".join(_head(checked))]
    for some, left in _by_code(checked.problems, every=every):
        more = [f"    and {left:,} more of {some[0].code}; {_TELLS_ALL}"] if left else []
        # The key stands above.
        parts.append("\n".join([problems_text([replace(one, key="") for one in some], paint=paint), *more]))
    if results := _in_order(checked.results):
        cells = [_cells(one) for one in results]
        most = max(len(many) for _, _, many, *_ in cells)
        lines = columns([(*cell[:2], f"{cell[2]:>{most}}", *cell[3:]) for cell in cells])
        parts.append(paint.strong(f"{_PREDICTED}:"))
        for line, one in zip(lines, results, strict=True):
            style = paint.blocked if RESULT_CODES[one.code].refuses else paint.faint
            parts[-1] += f"\n{style(line[0])}{line[1:]}\n{paint.faint(f'   {_detail(one)}')}"
    if checked.unknown:
        parts.append(
            "\n".join([paint.strong(f"{_UNKNOWN}:"), *(f"• {harmless(one)}" for one in checked.unknown)])
        )
    if checked.why:
        parts.append(paint.blocked(_alert(checked)))
    return "\n\n".join([*parts, contacts_summary(checked)])


def contacts_document(checked: Checked) -> Document:
    """Return the check as a document, in the form of its schema."""
    declared = {FIELDS[rule]: value for rule, value in asdict(checked.rules).items() if rule in FIELDS}
    mapped = checked.rules.columns
    declared["column_mappings"] = mapped and {str(number): name for number, name in mapped.items()}
    results = []
    for one in _in_order(checked.results):
        code = RESULT_CODES[one.code]
        facts = {"meaning": code.meaning, "refuses": code.refuses, "certainty": code.certainty.value}
        results.append({**asdict(one), **facts})
    return {
        "format_version": FORMAT_VERSION,
        "file": checked.file,
        "key": checked.rules.key,
        "target": checked.rules.target,
        "declared": declared,
        "dialect": checked.dialect,
        "rows": checked.rows,
        "refused": checked.refused,
        "allowed_refused": checked.allowed,
        "problems": [problem_document(problem) for problem in checked.problems],
        "results": results,
        "unknown": [*checked.unknown],
        "exit_code": int(checked.exit),
    }


def contacts_markdown(
    checked: Checked, limit: Limit = COMMENT, origin: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the check as Markdown of at most that size; what does not fit is left out and counted."""
    rules, problems, results = checked.rules, list[str](), list[str]()
    for some, left in _by_code(checked.problems):
        for one in some:
            hint = f" → {prose(one.hint)}" if one.hint else ""
            where = f"{code(str(one.place))} {one.severity.value} {code(one.code)}"
            problems.append(f"- {where}: {prose(shortened(one.message, _LONGEST))}{hint}")
        problems += [f"- and {left:,} more of {code(some[0].code)}"] if left else []
    for row in _in_order(checked.results):
        sign, name, *_ = _cells(row)
        said, like, shapes = _sentence(row).partition("; cells like ")  # a shape is one piece of code
        results.append(f"- {sign} {code(name)} {prose(said)}{like}{code(shapes) if shapes else ''}")
    page: list[str | Group] = [
        marker("check", rules.target),
        f"### Check of {code(checked.file)} for {code(rules.key)} on {code(rules.target)}",
        f"> [!CAUTION]\n> {prose(_alert(checked))}" if checked.why else "",
        f"**{prose(contacts_summary(checked))}**",
        "  \n".join(map(prose, _head(checked))),
        Group(f"#### {_FILE}", problems, "problem", "\n", is_grave=True),
        Group(f"#### {_PREDICTED}", results, "result", "\n", is_grave=True),
        Group(f"#### {_UNKNOWN}", [f"- {prose(one)}" for one in checked.unknown], "line", "\n"),
        ", ".join(f"{name} {code(value)}".strip() for name, value in origin),
    ]
    return f"{fitted([page], replace(limit, most=limit.most - 1))}\n"


def contacts_html(checked: Checked, links: Links, origin: Sequence[tuple[str, str]] = ()) -> str:
    """Return the check as a page that needs nothing else; `links` lead to where the file is seen."""
    # Imported here: most checks write no page.
    from reconciler.render.html import rendered

    problems = []
    for some, left in _by_code(checked.problems):
        rows = []
        for one in some:
            spot = {"text": harmless(str(one.place)), "link": links.to(one.place)}
            texts = {name: harmless(getattr(one, name)) for name in ("code", "message", "hint")}
            rows.append({**texts, "key": "", "spot": spot, "severity": one.severity.value})
        problems.append((rows, left))
    results = [
        {
            "cells": _cells(one),
            "detail": _detail(one),
            "cls": "refused" if RESULT_CODES[one.code].refuses else "unchanged",
        }
        for one in _in_order(checked.results)
    ]
    return rendered(
        "check.html.j2",
        title=harmless(f"Check of {checked.file}"),
        origin=[(name, harmless(value)) for name, value in origin],
        figures=_figures(checked),
        alert=_alert(checked),
        lines=_head(checked),
        problems=(_FILE, problems),
        results=(_PREDICTED, results),
        unknown=(_UNKNOWN, [harmless(one) for one in checked.unknown]),
        summary=contacts_summary(checked),
    )


def contacts_problems(checked: Checked) -> list[Problem]:
    """Return all of it as problems of the file, for annotations: each result at its first row."""
    found = [*checked.problems]
    for one in _in_order(checked.results):
        severity = Severity.HINT
        if RESULT_CODES[one.code].refuses:
            severity = Severity.ERROR if checked.exit is Exit.REFUSED else Severity.WARNING
        place = Place(checked.file, min(one.rows, default=1), max(1, one.column))
        found.append(Problem(one.code, place, checked.rules.key, _sentence(one), severity=severity))
    return found


def _alert(checked: Checked) -> str:
    return f"Exit {checked.exit:d}: {checked.why}." if checked.why else ""


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _figures(checked: Checked) -> list[tuple[str, str, int]]:
    """Return the figures of the summary: the style of each, what it counts, how many."""
    count = [sum(one.severity is severity for one in checked.problems) for severity in Severity]
    return [
        ("unchanged", "rows", checked.rows),
        ("blocked", "would be refused", checked.refused),
        *zip(("delete", "update", "send"), ("problems of the file", "warnings", "hints"), count, strict=True),
    ]


def _head(checked: Checked) -> list[str]:
    """Return what was checked against what, as lines."""
    rules = checked.rules
    declared = []
    for rule, field in FIELDS.items():
        value = getattr(rules, rule)
        if rule == "columns" and value is not None:
            value = in_short([f"{number} {harmless(name)}" for number, name in sorted(value.items())])
            declared.append(f"{field} {value}")
        elif value is not None:
            declared.append(f"{field} {shown(value)}")
    lines = [
        ": ".join(harmless(one) for one in (checked.file, checked.dialect) if one),
        f"Checked against {rules.key} on target {rules.target}, as the files declare it, without its account",
        f"Declared: {'; '.join(declared) or 'nothing about files'}",
    ]
    if checked.allowed != "0":
        share = " of the rows" if checked.allowed.endswith("%") else ""
        lines.append(f"Allowed: {checked.allowed}{share} may be refused (--allow-refused)")
    return lines


def _by_code(problems: Sequence[Problem], *, every: bool = False) -> Iterator[tuple[list[Problem], int]]:
    """Yield the problems of each code, the grave ones first: `every` one or the first, and how many more."""
    found: dict[tuple[int, str], list[Problem]] = {}
    grave = [*Severity]
    for one in sorted(problems, key=lambda one: (grave.index(one.severity), one.place)):
        found.setdefault((grave.index(one.severity), one.code), []).append(one)
    for some in found.values():
        most = len(some) if every else MOST_LISTED
        few = some[:most]
        # What to do about all of them stands once, behind the last.
        told = [replace(one, hint="") if one.hint == then.hint else one for one, then in pairwise(few)]
        yield [*told, few[-1]], len(some) - len(few)


def _in_order(results: Sequence[RowResult]) -> list[RowResult]:
    """Return what refuses first, and then the most frequent."""
    return sorted(
        results, key=lambda one: (not RESULT_CODES[one.code].refuses, -one.count, one.code, one.column)
    )


def _cells(one: RowResult) -> tuple[str, str, str, str, str]:
    """Return the sign of a result, its code, how many rows it is about, the column, and what it means."""
    code, column = RESULT_CODES[one.code], "whole row"
    if one.column:
        column = f"column {letters_of(one.column - 1)} {harmless(one.member)}".rstrip()
    return "✗" if code.refuses else "•", code.code, _many(one.count, "row"), column, code.meaning


def _sentence(one: RowResult) -> str:
    _, _, many, column, meaning = _cells(one)
    return f"{meaning}: {many}, {column}; {_detail(one)}"


def _detail(one: RowResult) -> str:
    """Return how sure a result is, which rows it is about, and what their cells look like."""
    more = f" and {one.count - len(one.rows):,} more" if one.count > len(one.rows) else ""
    rows = f"{'row' if one.count == 1 else 'rows'} {', '.join(map(str, one.rows))}{more}"
    shapes = ", ".join(shortened(harmless(shape)) for shape in one.shapes)
    parts = [
        f"how sure: {RESULT_CODES[one.code].certainty.value}",
        rows,
        f"cells like {shapes}" if shapes else "",
    ]
    return "; ".join(filter(None, parts))
