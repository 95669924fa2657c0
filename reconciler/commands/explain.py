"""`reconciler explain`: what a field, setting, code, exit code, symbol, flag or variable means. Offline.

Every text comes from where it counts: the models of the files, the tables of codes, the command line itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct
from msgspec.structs import asdict

from reconciler.access import VARIABLES
from reconciler.checkmarket.model import SECTION
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.help import read_guides
from reconciler.commands.validate import files_schema
from reconciler.config.names import snake, visible
from reconciler.config.resources import Controls, Facts
from reconciler.config.validation import Schema
from reconciler.contacts.codes import RESULT_CODES
from reconciler.engine.change import Block
from reconciler.engine.classify import ASSUMED_EMPTY
from reconciler.engine.kind import POLICIES, Policy
from reconciler.errors import GRAVITY, MEANINGS, WHAT_TO_DO, Exit, UsageError
from reconciler.expoints.model import SEEDS
from reconciler.problems import WARNINGS
from reconciler.render.values import FORMAT_VERSION, SIGNS, Paint, columns

MOST_IN_FULL = 3  # of several things with one name; of more, a line each
GROUPS = {
    "import_configs": "fields of an import configuration",
    "customer_seeds": "fields of a test batch",
    "settings": "what reconciler.yaml says, like targets.limits.resets",
    "problems": "errors of the files by their codes, like unknown-field",
    "warnings": "what stops no run, like every-target",
    "effects": "what a change does to people, like mails_at_once",
    "refusals": "why a plan leaves something alone, like would-hide",
    "results": "what an import answers to rows of a contact file, like R0308",
    "exits": "exit codes, like 3",
    "symbols": f"what begins a line: {' '.join(SIGNS)}",
    "verbs": "commands, like plan",
    "flags": "their options, like --allow-resets",
    "variables": "of the environment, like RECONCILER_TARGET",
}
# A code that a guide has a heading for, what stands below it, and the parts of that.
_PARAGRAPH = re.compile(r"^### ([a-z-]+)\n\n((?:.+\n)+)", re.MULTILINE)
_PART = re.compile(r"\*\*(Why|Check|Write):\*\* (.+?)(?= \*\*[A-Z]|$)")
_OF_FILES = ("import_configs", "customer_seeds", "settings")


class Topic(Struct, frozen=True):
    """One thing that can be explained, under its name and others that mean the same."""

    group: str
    name: str
    about: str
    also: tuple[str, ...] = ()
    details: Mapping[str, str] = {}  # what is told of it, by a word for it
    values: Mapping[str, str] = {}  # values that are allowed, or names below it → what they mean


def explain(words: Sequence[str], flags: Sequence[Topic], console: Console, _: Environment) -> Exit:
    """Print what the words mean, or what can be explained; `flags` are those of all verbs, and these.

    Errors: `UsageError` with what is near, where nothing is called so.
    """
    every = [*topics(), *flags]
    if not words:
        groups = {group: [one.name for one in every if one.group == group] for group in GROUPS}
        lines = ["reconciler explain NAME explains one of these; of a path, its end will do:", ""]
        lines += columns([(f"  {group}", str(len(groups[group])), GROUPS[group]) for group in GROUPS])
        lines += ["", "reconciler explain problems lists all problems, and so for each of these groups."]
        console.result("\n".join(lines), {"format_version": FORMAT_VERSION, "groups": groups})
        return Exit.DONE
    word = " ".join(words)
    found = find(word, every)
    if not any(word in (one.name, *one.also) for one in found):
        found = [one for one in every if one.group in (word, f"{word}s")] or found
    if not found:
        near = " or ".join(near_names(word, every))
        hints = [f"did you mean {near}?"] if near else []
        if len(word) > 2 and any(word.casefold() in one.text.casefold() for one in read_guides().values()):
            hints.append(f"`reconciler help --search {visible(shlex.quote(word))}` finds it in the guides")
        hint = (
            " ".join(hints)
            or "reconciler explain lists all names, reconciler help --search looks inside the guides"
        )
        raise UsageError(f"nothing is called {visible(word)}; {hint}")
    if len(found) > MOST_IN_FULL:
        text = "\n".join(columns([(one.name, one.about) for one in found]))
    else:
        text = "\n\n".join(topic_text(one, console.paint) for one in found)
    details = [{what.replace(" ", "_"): said for what, said in one.details.items()} for one in found]
    documents = [{**asdict(one), "details": said} for one, said in zip(found, details, strict=True)]
    console.result(text, {"format_version": FORMAT_VERSION, "topics": documents})
    return Exit.DONE


def topics() -> Iterator[Topic]:
    """Yield all that can be explained but the flags, and the variables that stand for these."""
    yield from _fields()
    guides = read_guides()
    longer = {code: text for one in guides.values() for code, text in _PARAGRAPH.findall(one.text)}
    for section in guides["problem-codes"].text.split("\n## ")[1:]:
        group, kind = section.split()[0].lower(), section.split("\n\n")[1].partition(".")[0]
        for code, about in re.findall(r"^- `(.+?)`: (.+(?:\n  .+)*)", section, re.MULTILINE):
            end = f": exit {Block(code, '').exit:d}" if group == "refusals" else ""
            parts = _PART.findall(" ".join(longer.get(code, "").replace("`", "").split()))
            details = {"kind": f"{kind}{end}", **{what.lower(): text for what, text in parts}}
            yield Topic(group, code, " ".join(about.split()), details=details)
    visible = SECTION.kind.visible_field
    for name, rule in SECTION.kind.effect_rules.items():
        by_name = f"by accept_effects: [{name}] on the resource, or --allow-effect {name}"
        details = {
            "kind": f"An effect ({rule.certainty.value}), direction: {rule.direction}",
            "fields": ", ".join(rule.paths),
            "refused": "unless limits.effects of the target allows it" if rule.refused else "",
            "consent": by_name,
        }
        if rule.paths == (visible,) and rule.refused:
            details |= {"refused": "for each one that is not named", "consent": "by --allow-hide KEY"}
        details = {what: text for what, text in details.items() if text}
        yield Topic("effects", name, rule.about, details=details)
    for code, about in WARNINGS.items():
        kind = f"About the files; stops no run, and ignore_warnings: {{{code}: why}} switches it off"
        yield Topic("warnings", code, about, details={"kind": kind})
    for result in RESULT_CODES.values():
        counts = "counts as refused" if result.refuses else "refuses no row by itself"
        kind = f"A result of rows as `check` predicts it; {counts}; when it comes is {result.certainty.value}"
        details = {"kind": kind, **({"not known": f"{result.why}."} if result.why else {})}
        yield Topic("results", result.code, _sentence(result.meaning), details=details)
    gravest = f"{', '.join(f'{one:d}' for one in GRAVITY)}: of several, the run ends with the first of these"
    for exit, meaning in MEANINGS.items():
        details = {"what to do": WHAT_TO_DO[exit], "gravest": gravest}
        if topic := next((topic for topic in guides if f"exit-{exit:d}" in topic), ""):
            details["guide"] = f"reconciler help {topic}"
        yield Topic("exits", f"exit {exit:d}", _sentence(meaning), (f"{exit:d}",), details)
    yield from (
        Topic("symbols", f"{sign} {one[0]}", _sentence(one[1]), (sign, one[0])) for sign, one in SIGNS.items()
    )
    yield from (Topic("variables", name, about) for name, about in VARIABLES.items())


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _fields() -> Iterator[Topic]:
    """Yield every field and setting once: what stands in several places has the name of the plainest."""
    schema, places = files_schema(), dict[tuple[str, str], list[str]]()
    nodes = dict(_nodes(schema, schema["$defs"]))
    for path, node in nodes.items():
        places.setdefault((path.rpartition(".")[2], node.get("description", path)), []).append(path)
    for (_, about), paths in places.items():
        name, *also = sorted(paths, key=lambda path: (_is_elsewhere(path), path.count(".")))
        group = name.split(".")[0] if name.split(".")[0] in (SECTION.kind.name, SEEDS.name) else "settings"
        below = {path: one for path, one in nodes.items() if path.rpartition(".")[0] == name}
        values = dict(zip(nodes[name].get("enum", ()), nodes[name].get("enumDescriptions", ()), strict=False))
        meanings = SECTION.meanings.get(name.removeprefix(f"{group}."), {})
        values |= {str(value): said for value, said in meanings.items() if said not in about}
        values |= {path.removeprefix(f"{name}."): one.get("description", "") for path, one in below.items()}
        yield Topic(group, name, about, tuple(also), _details(name, nodes[name]), values)


def _is_elsewhere(path: str) -> bool:
    """Tell whether a path leads to a place that repeats what another one says of the same fields."""
    first, *rest = path.split(".")
    return first in ("guardrails", "presets") or bool(rest and rest[0] in ("targets", "defaults"))


def _nodes(mapping: Schema, definitions: Schema, above: str = "") -> Iterator[tuple[str, Schema]]:
    """Yield every path with its schema; names that people choose, and numbers of items, are no part of it."""
    for name, node in mapping.get("properties", {}).items():
        path, node = f"{above}{name}", _resolved(node, definitions)
        yield path, {**node, "x-required": name in mapping.get("required", ())}
        inner = node
        while inner and not inner.get("properties"):
            items = inner.get("items") or inner.get("additionalProperties")
            inner = _resolved(items, definitions) if isinstance(items, dict) else {}
        if path != "ignore_warnings":  # what stands in it is a code
            yield from _nodes(inner, definitions, f"{path}.")


def _resolved(node: Schema, definitions: Schema) -> Schema:
    """Return a schema with what it refers to; of a choice, the mapping that it may be."""
    if "$ref" in node:
        node = {**definitions[node["$ref"].rpartition("/")[2]], **node}
    found = [_resolved(choice, definitions) for choice in node.get("anyOf", ())]
    inner = [one for one in found if {"properties", "additionalProperties", "items"} & one.keys()]
    return {**(inner[-1] if inner else {}), **node, **({"anyOf": found} if found else {})}


def _details(name: str, node: Schema) -> dict[str, str]:
    """Return what is told of a field or setting."""
    section, _, path = name.partition(".")
    facts: Mapping[str, Facts] = {SECTION.kind.name: SECTION.facts, SEEDS.name: SEEDS.facts}
    told = {"type": _type(node), "unit": node.get("x-unit", "")}
    told["example"] = " or ".join(json.dumps(one, ensure_ascii=False) for one in node.get("examples", ()))
    told["required"] = "yes" if node["x-required"] else ""
    told["default"] = json.dumps(node["default"], ensure_ascii=False) if "default" in node else ""
    if section in facts and path:
        known, above = facts[section], path
        while above and above not in known.sources:
            above = above.rpartition(".")[0]
        own = {*Controls.model_fields, *(named.path for named in SECTION.named)}
        source = "" if {path, path.split(".")[0]} & own else known.sources[above]
        is_leaf = section == SECTION.kind.name and path in SECTION.kind.by_path
        if path in known.defaults:
            told["default"] = "{} ({})".format(*known.defaults[path])
        elif is_leaf and path != SECTION.kind.name_field:
            told["default"] = (
                f"not known: a plan takes it for empty ({ASSUMED_EMPTY.source.words}), unless "
                "defaults: of the target states it or a read-back has shown it"
            )
        told["reset"] = _reset(path) if is_leaf else ""
        told["not known"] = known.unknown.get(path, "")
        steps = ["".join(map(str.capitalize, step.split("_"))) for step in path.split(".")]
        told["api"] = ".".join(steps) if source else ""
        told["source"] = source or "this tool: it is no member of the API"
    return {what: text for what, text in told.items() if text}


def _reset(path: str) -> str:
    """Return what a reset of a field of an import configuration does."""
    kind = SECTION.kind
    if path == kind.name_field:
        return "refused: a configuration is found by its name"
    if path == kind.visible_field:
        return "refused: it is never left out; undeclared, the live value is kept, and a create sends true"
    kept = "kept unless declared or under reset:; " if kind.by_path[path].fills_itself else ""
    consent = "consent by reset:, limits.resets or --allow-resets; keep: leaves it as it is live"
    return f"{kept}{POLICIES[Policy.RESET]}; {consent}"


_TYPES = {"integer": "a whole number", "string": "text", "boolean": "true or false", "array": "a list"}


def _type(node: Schema) -> str:
    """Return which values a schema allows, in words."""
    if choices := dict.fromkeys(map(str, node.get("enum", [node["const"]] if "const" in node else ()))):
        return f"{'one of ' if len(choices) > 1 else ''}{', '.join(choices)}"
    if node.get("anyOf"):
        return ", or ".join(dict.fromkeys(map(_type, node["anyOf"])))
    kinds, words = node.get("type", "object"), []
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        text = "null" if kind == "null" else _TYPES.get(kind, "a mapping")
        if kind == "integer" and "minimum" in node:
            low, high = node["minimum"], node.get("maximum")
            text += f" from {low} on" if high is None else f" from {low} to {high}"
        elif kind == "string" and "maxLength" in node:
            text += f" of at most {node['maxLength']} characters"
        elif kind == "array" and "maxItems" in node:
            text += f" of at most {node['maxItems']} items"
        words.append(text)
    return ", or ".join(words)


def find(word: str, every: Sequence[Topic]) -> list[Topic]:
    """Return what a word means: what is called so, else the paths that end so, keys in them left out."""
    word = "~" if word == str(Path.home()) else word.strip().rstrip(":")  # the shell has read ~ already
    kebab = word.lower().replace("_", "-")
    for form in (word, word.lower(), snake(word), _without_keys(snake(word), every), kebab, f"--{kebab}"):
        names = [(one, (one.name, *one.also)) for one in every]
        exact = [one for one, all_of_it in names if form in all_of_it]
        ends = [one for one, all_of_it in names if any(name.endswith(f".{form}") for name in all_of_it)]
        is_path = any(one.group in _OF_FILES for one in exact)
        if found := exact + ([] if is_path else ends):
            return found
    return []


def _without_keys(path: str, every: Sequence[Topic]) -> str:
    """Return a path without what stands in it for a key, a target or the number of an item; else as it is."""
    known, found, steps = (
        {name for one in every for name in (one.name, *one.also)},
        "",
        re.findall(r"[^.[\]]+", path),
    )
    for step in steps:
        longer = f"{found}.{step}".lstrip(".")
        found = longer if longer in known or not found else found
    return found if steps and found.endswith(steps[-1]) else path


def near_names(word: str, every: Sequence[Topic]) -> list[str]:
    """Return the names that are like a word, the nearest first; a path in whole, if its end is."""
    names = {alias: one.name for one in every for alias in (one.name, one.name.lstrip("-"), *one.also)}
    names |= {name.rpartition(".")[2]: full for name, full in [*names.items()] if "." in name}
    sought = word[:100].lower()
    near = [one for one in names if sought in re.split("[_-]", one)]
    near += get_close_matches(sought, names, n=6, cutoff=0.7)
    return list(dict.fromkeys(names[one] for one in near))[:3]


def names_beginning(beginning: str) -> list[str]:
    """Return the names that begin so: those of the groups first, and then all, ends of paths too."""
    if not beginning:
        return [*GROUPS]
    every = [*topics()]
    names = [name for one in every for name in (one.name, *one.also)]
    names += [name.rpartition(".")[2] for name in names if "." in name]
    return sorted({name for name in names if name.startswith(beginning) and re.fullmatch(r"[\w.-]+", name)})


def topic_text(topic: Topic, paint: Paint) -> str:
    """Return what is told of one thing, as text; a symbol in the color that it has in a plan."""
    style = getattr(paint, topic.name.split()[-1], paint.strong) if topic.group == "symbols" else paint.strong
    rows = [(f"    {what}", text) for what, text in topic.details.items()]
    if topic.also and topic.group in (*_OF_FILES, "flags"):
        rows.append(("    also", ", ".join(topic.also)))
    values = [(f"    {value}", said) for value, said in topic.values.items()]
    tables = ["\n".join(columns(one)) for one in (rows, values) if one]
    return "\n\n".join([f"{style(topic.name)}\n    {topic.about}", *tables])
