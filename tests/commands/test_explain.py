"""`explain`, asked on the command line, outside of any workspace; and that nothing is without its text."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from reconciler.cli import cli, main
from reconciler.commands.explain import topics as explained
from reconciler.commands.validate import files_schema
from reconciler.engine.change import BlockCode
from reconciler.errors import MEANINGS, WHAT_TO_DO, Exit
from reconciler.problems import WARNINGS
from reconciler.render.values import SIGNS

PACKAGE = Path(__file__).parents[2] / "reconciler"
MODULES = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
# Rooms in which a text of small words with dashes is a code, and what else such a text is there.
ROOMS = re.compile(
    r"(config|engine)/|checkmarket/model|contacts/(reading|text|workbook)|expoints/(model|planning)"
    r"|commands/(workspace|plan|journal|expoints)\."
)
NO_CODES = re.compile(r"utf-.*|if-needed|x-unit")


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["explain", *words]) == 0
    return capsys.readouterr().out


def topics(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(told(capsys, *words, "--format", "json"))["topics"]
    return found


def literals(text: str) -> Iterator[str]:
    yield from (
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


@pytest.mark.parametrize(
    ("word", "name", "says"),
    [
        ("invitation_delay_in_days", "import_configs.survey_settings.invitation_delay_in_days", "unit days"),
        ("SurveySettings.InvitationTime", "import_configs.survey_settings.invitation_time", "hh:mm, in UTC"),
        ("import_configs.newsletter-nl.date_format", "import_configs.date_format", "(documented)"),
        ("is_reusable", "import_configs.is_reusable", "false (inferred)"),
        ("IsReusable", "import_configs.is_reusable", "not known whether a configuration that is hidden"),
        ("first_row", "import_configs.first_row", "not known whether the first row"),
        ("row_delimiter", "import_configs.row_delimiter", "a plan takes it for empty (assumed)"),
        ("column_mappings", "import_configs.column_mappings", "kept unless declared or under reset:"),
        ("customer_seeds.x.customers[0].send_date", "customer_seeds.customers.send_date", "time_zone"),
        (
            "data.encryption_key",
            "customer_seeds.customers.data.encryption_key",
            "names three fields only",
        ),
        ("send", "customer_seeds.send", "on_change again where the content"),
        ("targets.journal", "targets.journal", "type text, or a mapping"),
        ("targets.production.limits.updates", "targets.limits.updates", 'default "30%"'),
        ("would_hide", "would-hide", "goes on with the others: exit 3"),
        ("every-target", "every-target", "ignore_warnings: {every-target: why}"),
        ("create-in-doubt", "create-in-doubt", "exit 6"),
        ("R0308", "R0308", "counts as refused; when it comes is inferred"),
        ("exit 3", "exit 3", "gravest 6, 4, 5, 3, 1, 7, 2, 0"),
        ("↺", "↺ reset", "puts it back to its default"),
        ("in doubt", "? in doubt", "nothing says whether"),
        ("-", "- delete", "deleted"),
        ("--allow-resets", "--allow-resets", "verbs plan, apply, restore"),
        ("--format", "--format", "verbs all"),
        ("--target", "--target", "list only what lives on this target"),
        ("-v", "--verbose", "RECONCILER_VERBOSE"),
        ("R", "↺ reset", "puts it back"),
        ("plan", "plan", "reconciler plan --help"),
        ("RECONCILER_TRUSTED_HOSTS", "RECONCILER_TRUSTED_HOSTS", "api.example.com"),
        ("refusals", "would-hide", "hidden for good"),
    ],
)
def test_a_word_is_explained(word: str, name: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, *word.split(" "))
    assert name in [line.partition("  ")[0] for line in out.splitlines()]
    assert says.lower() in " ".join(out.lower().split())


def test_what_a_word_may_mean_besides_is_explained_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert [one["name"] for one in topics(capsys, "reset")] == ["↺ reset", "import_configs.reset"]
    many = told(capsys, "id")
    assert "import_configs.id" in many
    assert "Passed on" in many
    assert "api  " not in many


@pytest.mark.parametrize(
    ("typo", "near"),
    [
        ("invitation_dely_in_days", "import_configs.survey_settings.invitation_delay_in_days"),
        ("import_configs.newsletter-nl.date_formt", "import_configs.date_format"),
        ("would-hid", "would-hide"),
        ("--alow-resets", "--allow-resets"),
        ("exit 9", "exit 7"),
        ("xyzzy", "lists all names"),
        ("delay", "import_configs.survey_settings.invitation_delay_in_days"),
        ("cooldown", "survey_settings.survey_cooldown_after_invitation"),
        ("changed live", "`reconciler help --search 'changed live'` finds it"),
        (".", "nothing is called .;"),
        ("\x1b[31mred", r"\x1b[31mred"),
    ],
)
def test_a_typo_is_answered_with_what_is_near(
    typo: str, near: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", *typo.split(" ")]) == 1
    assert near in capsys.readouterr().err


def test_without_a_word_it_lists_the_groups_and_each_thing_has_a_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = told(capsys).splitlines()
    assert len(lines) < 20
    groups = json.loads(told(capsys, "--format", "json"))["groups"]
    for group, names in groups.items():
        assert any(line.split()[:2] == [group, str(len(names))] for line in lines)
        every = topics(capsys, group)
        assert group.endswith(("configs", "seeds")) or [one["name"] for one in every] == names
        assert [one["name"] for one in every if not one["about"].strip(" .")] == []
        assert all(said for one in every for said in one["values"].values())


def test_every_field_and_setting_of_the_schema_says_what_it_is() -> None:
    known = {name: one for one in explained() for name in (one.name, *one.also)}
    fields = {path: one for path, one in known.items() if one.group in ("import_configs", "customer_seeds")}
    settings = {path: one for path, one in known.items() if one.group == "settings"}
    names = {name for part in named(files_schema()) for name in part}
    assert {path.rpartition(".")[2] for path in (*fields, *settings)} >= names - {*WARNINGS}
    for path, one in (fields | settings).items():
        assert one.about != path
        assert one.details["type"]
    for path, one in fields.items():
        assert "." not in one.name or one.details["source"], path
        assert "default" in one.details or "reset" not in one.details or one.name.endswith(".name"), path


def named(part: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the properties of every mapping in a schema."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    if isinstance(part, dict) and part.get("type") != "string" and isinstance(part.get("properties"), dict):
        yield {name.rpartition(".")[2]: one for name, one in part["properties"].items()}
    for one in inner:
        yield from named(one)


def test_every_code_has_its_text_and_every_text_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    groups = json.loads(told(capsys, "--format", "json"))["groups"]
    explained = {*groups["problems"], *groups["warnings"], *groups["refusals"]}
    made = {
        one
        for name, text in MODULES.items()
        if ROOMS.match(name)
        for one in literals(text)
        if re.fullmatch("[a-z]+(-[a-z0-9]+)+", one) and not NO_CODES.fullmatch(one)
    }
    calls = re.findall(r'(?:refusal|error|Finding|Refusal|Problem)\(\s*"([a-z]+)"', "".join(MODULES.values()))
    assert {*made, *calls, *BlockCode} - explained == {"plain"}
    assert {one for one in explained if "-" in one} - made - {*WARNINGS} == set()
    assert {*BlockCode} <= {*groups["refusals"]}


def test_every_exit_code_and_symbol_has_its_text() -> None:
    assert {*MEANINGS} == {*WHAT_TO_DO} == {*Exit}
    signs = {
        one
        for name, text in MODULES.items()
        if name.startswith("render/") and "html" not in name
        for one in literals(text)
        if len(one) == 1 and (not one.isascii() or one in "+~-=!?")
    }
    assert signs - {*SIGNS} == {"–", "•", "\uffff"}


def options(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Option]]:
    context = command.make_context(" ".join(path), [], resilient_parsing=True)
    for option in context.command.get_params(context):
        if isinstance(option, click.Option):
            yield " ".join(path), option
    for name, below in getattr(context.command, "commands", {}).items():
        yield from options(below, (*path, name))


def test_every_flag_and_variable_has_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    flags = {one["name"]: one for one in topics(capsys, "flags")}
    for verb, option in options(cli):
        assert option.help, (verb, option.opts)
        flag = flags[max(option.opts, key=len)]
        assert option.help in (flag["about"], *flag["details"].values())
    variables = {one["name"] for one in topics(capsys, "variables")}
    # Those of the files that init --ci writes are theirs alone.
    templates = [path.read_text("utf-8") for path in PACKAGE.rglob("*.j2")]
    named, theirs = (
        {one for text in texts for one in re.findall(r"\bRECONCILER_[A-Z_]*[A-Z]\b(?!_)", text)}
        for texts in (MODULES.values(), templates)
    )
    assert named - variables - theirs == set()
