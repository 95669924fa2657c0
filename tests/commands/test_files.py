"""`set`, `list`, `fmt`: the files as a person works with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.commands.edit import fmt, list_resources, set_fields
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.errors import Exit, FilesInvalid, NotEdited, UsageError
from tests.commands.world import EVERYTHING, World

SETTINGS = """\
version: 1
targets:
  sandbox:
    checkmarket: {url: "sandbox:"}
    contact_lists: {news: 12}
  other.one: {checkmarket: {url: "sandbox:"}}
"""
PRESETS = "presets: {usual: {update_type_id: 2}}\n"
NEWS = """\
import_configs:
  news-nl:
    preset: usual
    name: News NL
    survey_settings:
      survey: "Customer satisfaction 2026"   # by title
      invitation_delay_in_days: 14
    targets: [sandbox, other.one]   # everywhere
  news-be:
    name: News BE
    update_type_id: 1  # update existing contacts within this survey
    survey_settings: {survey_id: 4711, invitation_delay_in_days: 14}
    targets:
      sandbox: {id: 7}
"""


@pytest.fixture
def world(world: World) -> World:
    (world.folder / "configs/welcome.yaml").unlink()
    world.write("reconciler.yaml", SETTINGS)
    world.write("presets.yaml", PRESETS)
    world.write("news.yaml", NEWS)
    return world


def was_set(world: World, glob: str, *assignments: str, diff: bool = False) -> str:
    run = world.ran(set_fields, glob, assignments, EVERYTHING, diff=diff)
    assert run.exit is Exit.DONE
    return run.out


def text_of(world: World, name: str = "news") -> str:
    return (world.folder / f"configs/{name}.yaml").read_text("utf-8")


def listing(world: World, *where: str, glob: str = "*", target: str | None = None) -> Any:
    run = world.ran(list_resources, glob, where, Selection(target=target), json=True)
    assert "@example.com" not in run.out
    return run.document


def listed(world: World, *where: str, glob: str = "*", target: str | None = None) -> list[str]:
    document = listing(world, *where, glob=glob, target=target)
    return [one["key"].partition(".")[2] for one in document["resources"] + document["seeds"]]


def printed_list(world: World, glob: str) -> list[str]:
    return world.ran(list_resources, glob, (), EVERYTHING).out.splitlines()


def formatted(world: World, *files: Path, check: bool = False) -> tuple[Exit, str]:
    run = world.ran(fmt, files, EVERYTHING, check=check)
    return run.exit, run.out


def test_set_edits_every_resource_that_the_glob_names(world: World) -> None:
    out = was_set(world, "news-*", "survey_settings.invitation_delay_in_days=3", "date_format=dd/MM")
    assert out == "Changed: 1 file for 2 resources.\n"
    assert text_of(world) == NEWS.replace("days: 14", "days: 3").replace(
        "    targets: [", "    date_format: dd/MM\n    targets: ["
    ).replace("days: 3}\n", "days: 3}\n    date_format: dd/MM\n")
    was_set(world, "news-*", "survey_settings.invitation_delay_in_days=14")
    assert text_of(world).replace("    date_format: dd/MM\n", "") == NEWS


def test_set_shows_the_edit_and_writes_nothing_with_diff(world: World) -> None:
    out = was_set(world, "news-be", "update_type_id=2", diff=True)
    assert "+    update_type_id: 2  # always create new contacts\n" in out
    assert out.endswith("Would change: 1 file for 1 resource.\n")
    assert text_of(world) == NEWS


IN_FLOW = "survey_settings: {survey_id: 4711, invitation_delay_in_days: 14"
SET = [
    ("name=2026", 'name: "2026"'),
    ("email_is_required=true", "email_is_required: true"),
    ("date_format:=null", "date_format: null"),
    ("survey_settings.invitation_time=09:00", f'{IN_FLOW}, invitation_time: "09:00"}}'),
    ("survey_settings.survey=A survey", IN_FLOW.replace("survey_id: 4711", "survey: A survey") + "}"),
    ("contact_list=news", "contact_list: news"),
    ("default_language_code=no", 'default_language_code: "no"'),
    ("keep=[first_row]", "keep: [first_row]"),
    ("undeclared=keep", "undeclared: keep"),
    ("field_delimiter=;", 'field_delimiter: ";"'),
    ("targets.sandbox.first_row=2", "sandbox: {id: 7, first_row: 2}"),
    ("targets.other.one.id=9", "other.one: {id: 9}"),
    # Text is what stands there, whatever YAML would make of it.
    ("name=Winter # 2", 'name: "Winter # 2"'),
    ("name=&c Sale", 'name: "&c Sale"'),
    ("name= padded ", 'name: " padded "'),
    ("name=Are you happy?", 'name: "Are you happy?"'),
    ("name=“Sale”\u00a0!", 'name: "“Sale”\\u00a0!"'),
    ("name=<<", 'name: "<<"'),
    ("field_delimiter=|", 'field_delimiter: "|"'),
    ("field_delimiter=>", 'field_delimiter: ">"'),
    ("field_delimiter=#", 'field_delimiter: "#"'),
    ("field_delimiter=", 'field_delimiter: ""'),
    ("field_delimiter=null", 'field_delimiter: "null"'),
    ("field_delimiter=\\t", 'field_delimiter: "\\\\t"'),
    ("row_delimiter=[;]", 'row_delimiter: "[;]"'),
    ("survey_settings.survey=4711", IN_FLOW.replace("survey_id: 4711", 'survey: "4711"') + "}"),
    # What the type of a field tells apart, and what is written out.
    ("first_row=null", "first_row: null"),
    ("keep=[first_row, date_format]", "keep: [first_row, date_format]"),
    ("survey_settings=null", "survey_settings: null"),
    ("survey_settings:={survey_id: 1}", "survey_settings: {survey_id: 1}"),
    ("field_delimiter:=null", "field_delimiter: null"),
    ('name:="a\\u0062c"', "name: abc"),
    ("survey_settings.survey:=null", IN_FLOW.replace("survey_id: 4711", "survey: null") + "}"),
]


@pytest.mark.parametrize(("assignment", "line"), SET)
def test_a_value_is_of_the_type_of_its_field(assignment: str, line: str, world: World) -> None:
    was_set(world, "news-be", assignment)
    assert line in [one.strip() for one in text_of(world).splitlines()]


@pytest.mark.parametrize(
    ("key", "assignments", "lines"),
    [
        ("news-nl", ["other.one.first_row=2"], ["{sandbox: {}, other.one: {first_row: 2}}  # everywhere"]),
        ("news-nl", ["sandbox.id=5"], ["{sandbox: {id: 5}, other.one: {}}  # everywhere"]),
        # What names no target lives on all of them, and still does.
        ("plain", ["sandbox.id=5"], ["sandbox: {id: 5}", "other.one: {}"]),
        ("plain", ["sandbox.id=1", "other.one.id=2"], ["sandbox: {id: 1}", "other.one: {id: 2}"]),
    ],
)
def test_a_block_of_a_target_is_made_and_the_other_targets_stay(
    key: str, assignments: list[str], lines: list[str], world: World
) -> None:
    world.write("plain.yaml", "import_configs: {plain: {name: Plain}}\n")
    was_set(world, key, *(f"targets.{one}" for one in assignments))
    assert all(line in text_of(world, key.removesuffix("-nl")) for line in lines)


BLOCKS = """\
import_configs:
  both:
    name: Both
    date_format: dd-MM
    keep: [first_row]
    targets:
      sandbox: {name: Here, survey_settings: {survey_id: 2}, first_row: 1, undeclared: keep}
      other.one: {date_format: dd-MM}
  here: {name: One, targets: [sandbox]}
"""
OVERRIDDEN = [
    ("name=New", "sandbox", "7:17"),
    ("survey_settings.survey=A", "sandbox", "9:47"),
    ("survey_settings:=null", "sandbox", "8:47"),
    ("undeclared=reset", "sandbox", "8:76"),
    ("keep=[field_delimiter, first_row]", "sandbox", "7:62"),
    ("date_format=yyyy", "other.one", "8:19"),
]


@pytest.mark.parametrize(("assignment", "target", "place"), OVERRIDDEN)
def test_what_the_block_of_a_target_overrides_is_said_with_the_key_to_set(
    assignment: str, target: str, place: str, world: World
) -> None:
    world.write("both.yaml", BLOCKS)
    path = assignment.partition("=")[0].removesuffix(":")
    assert was_set(world, "both", assignment) == (
        "Changed: 1 file for 1 resource.\n"
        f"On {target} another {path} counts: the block of import_configs.both says it "
        f"(configs/both.yaml:{place}). Set targets.{target}.{path} too, or add --target {target}.\n"
    )


def test_what_a_block_says_too_is_no_other_value_and_many_are_one_line(world: World) -> None:
    world.write("both.yaml", BLOCKS)
    world.write(
        "twin.yaml",
        BLOCKS.replace("both", "bwin")
        .replace("Both", "Bwin")
        .replace("Here", "There")
        .partition("  here")[0],
    )
    assert was_set(world, "both", "name=Here", "date_format=dd-MM").count("\n") == 1
    said = was_set(world, "b*[hn]", "keep=[row_delimiter]", "date_format=yyyy")
    assert said.count("\n") == 2
    assert "says it (configs/both.yaml:8:19), and 1 more do. Set" in said


@pytest.mark.parametrize(
    ("glob", "assignment", "text"),
    [
        ("both", "name=New", "sandbox: {name: New, survey"),
        ("both", "field_delimiter=;", '        field_delimiter: ";"\n        undeclared'),
        ("here", "name=New", "here: {name: New, targets: [sandbox]}"),
        ("*e", "first_row=2", "here: {name: One, first_row: 2, targets: [sandbox]}"),
    ],
)
def test_with_a_target_what_counts_there_is_changed(
    glob: str, assignment: str, text: str, world: World
) -> None:
    world.write("both.yaml", BLOCKS)
    run = world.ran(set_fields, glob, [assignment], Selection(target="sandbox"))
    assert run.out.startswith("Changed on sandbox: ")
    assert text in text_of(world, "both")


@pytest.mark.parametrize(
    ("glob", "assignment", "words"),
    [("here", "name=x", "lives on target other.one"), ("*", "targets.sandbox.name=x", "another target")],
)
def test_a_target_is_one_and_something_lives_there(
    glob: str, assignment: str, words: str, world: World
) -> None:
    world.write("both.yaml", BLOCKS)
    with pytest.raises(UsageError, match=words):
        world.ran(set_fields, glob, [assignment], Selection(target="other.one"))


REFUSED = [
    ("news-*", "first_row", "PATH=VALUE"),
    ("news-*", "first_row = 1", "without blanks around the ="),
    ("news-*", "frist_row=1", "write first_row"),
    ("news-*", "FirstRow=1", "write first_row"),
    ("news-*", "targets.nowhere.id=1", "targets.NAME.FIELD"),
    ("news-be", "nmae=x", "^nmae is not known here; write name$"),
    (
        "news-be",
        "survey_settings.survye=x",
        "^survey_settings.survye: survye is not known here; write survey$",
    ),
    ("news-be", "name:=Winter", "behind :="),
    ("news-be", "name:=|", "behind :="),
    ("news-be", "first_row:=3 # rows", "behind :="),
    ("news-be", "keep:=&a [name]", "behind :="),
    ("news-be", "name=\x1b[31m", "U[+]001B cannot be seen"),
    ("news-be", "name=a\udce9", "U[+]DCE9 cannot be seen"),
]


@pytest.mark.parametrize(("glob", "assignment", "words"), REFUSED)
def test_what_makes_no_sense_is_an_error(glob: str, assignment: str, words: str, world: World) -> None:
    with pytest.raises(UsageError, match=words):
        was_set(world, glob, assignment)


NO_VALUES = ["first_row=3 # x", "first_row=|", "keep=|", "keep=[name] # x", "is_reusable=yes", "name:=3"]


@pytest.mark.parametrize(
    "assignment", ["name=Same", "update_type_id=9", "first_row=x", "preset=nope", *NO_VALUES]
)
def test_an_edit_that_would_make_the_files_invalid_writes_nothing(assignment: str, world: World) -> None:
    with pytest.raises(NotEdited, match="nothing was written") as refused:
        was_set(world, "news-*", assignment)
    assert refused.value.problems
    assert text_of(world) == NEWS


def test_list_finds_what_is_declared_wherever_it_is_said(world: World) -> None:
    assert listed(world, "survey_settings.invitation_delay_in_days=14") == ["news-be", "news-nl"]
    assert listed(world, "survey=Customer satisfaction 2026") == ["news-nl"]
    assert listed(world, 'survey:="Customer satisfaction 2026"') == ["news-nl"]
    assert listed(world, "name=News BE # 2") == listed(world, "name=&a News BE") == []
    was_set(world, "news-be", "field_delimiter=null", "first_row=null")
    assert listed(world, "field_delimiter=null") == listed(world, "first_row=null") == ["news-be"]
    assert listed(world, "field_delimiter:=null") == []
    assert listed(world, "survey_id=4711") == ["news-be"]
    assert listed(world, "update_type_id=2") == ["news-nl"]
    assert listed(world, "update_type_id=2", "name=News BE") == []
    assert listed(world, glob="*-be") == ["news-be"]
    assert listed(world, target="other.one") == ["news-nl"]
    was_set(world, "news-nl", "targets.other.one.first_row=2")
    assert listed(world, "first_row=2") == ["news-nl"]
    assert listed(world, "first_row=2", target="sandbox") == []


@pytest.mark.parametrize("where", ["nope=1", "keep=x", "survey"])
def test_list_says_what_can_be_compared(where: str, world: World) -> None:
    with pytest.raises(UsageError):
        listed(world, where)


def test_fmt_puts_keys_into_order_once(world: World) -> None:
    assert formatted(world, check=True) == (Exit.ERROR, "configs/news.yaml\nNot in order: 1 file.\n")
    assert formatted(world, Path("configs/presets.yaml"))[1] == "All files are in order.\n"
    assert text_of(world) == NEWS
    assert formatted(world) == (Exit.DONE, "configs/news.yaml\nPut into order: 1 file.\n")
    lines = text_of(world).splitlines()
    assert lines[10].startswith("    survey_settings: {survey_id")
    assert lines[11] == "    update_type_id: 1  # update existing contacts within this survey"
    assert formatted(world, check=True) == (Exit.DONE, "All files are in order.\n")


def test_fmt_refuses_files_that_are_wrong(world: World) -> None:
    world.write("wrong.yaml", "import_configs: {x: {}}\n")
    with pytest.raises(FilesInvalid):
        formatted(world)


SEEDS = """\
customer_seeds:
  smoke:
    # to whom
    customers:
      - {email: qa+john@example.com}
    defaults:
      data: {A: b}
      priority: 2   # first
    end_date: +21d
    notification_email_addresses: [qa@example.com]
    approve_automatically: true
    is_test: true   # always
    round: v7
    targets:
      sandbox:
        end_date: +7d
        round: v8
      other.one: {}
"""
KEYS_IN_ORDER = ["targets", "round", "is_test", "approve_automatically", "end_date"]
KEYS_IN_ORDER += ["notification_email_addresses", "defaults", "# to whom", "customers"]
TENANT = 'expoints: {url: "sandbox:", allowed_recipients: ["*@example.com"]}'


class TestSeeds:
    """They stand beside resources, and are found and put into order as these are."""

    @pytest.fixture(autouse=True)
    def seeds(self, world: World) -> None:
        settings = SETTINGS.replace("    contact_lists", f"    {TENANT}\n    contact_lists")
        world.write(
            "reconciler.yaml", settings.replace('{url: "sandbox:"}}', f'{{url: "sandbox:"}}, {TENANT}}}')
        )
        world.write("seeds.yaml", SEEDS)

    def test_are_listed_with_when_and_to_how_many_they_go(self, world: World) -> None:
        assert printed_list(world, "*") == [
            'import_configs.news-be  "News BE"                   sandbox 7           configs/news.yaml:9:3',
            'import_configs.news-nl  "News NL"                   other.one, sandbox  configs/news.yaml:2:3',
            "customer_seeds.smoke    once, round v7, 1 customer  other.one, sandbox  configs/seeds.yaml:2:3",
            "",
            "2 resources, 1 seed.",
        ]
        assert printed_list(world, "news-*")[-1] == "2 resources."
        assert printed_list(world, "s*")[-1] == "0 resources, 1 seed."
        document = listing(world, "round=v7")
        where = {"targets": ["other.one"], "file": "configs/seeds.yaml", "line": 2}
        seed = {"key": "customer_seeds.smoke", "send": "once", "round": "v7", "customers": 1, **where}
        assert (document["resources"], document["seeds"]) == ([], [seed])

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            (["end_date=+7d"], ["smoke"]),
            (["is_test=true", "round=v8"], ["smoke"]),
            (["is_test=true", "round=v9"], []),
            (["shared_mailbox=false"], ["smoke"]),
            (["batch_name=none"], []),
            (["update_type_id=1"], ["news-be"]),
            (["update_type_id=1", "is_test=true"], []),
        ],
    )
    def test_are_found_by_what_they_say(self, world: World, where: list[str], found: list[str]) -> None:
        assert listed(world, *where) == found

    def test_are_put_into_order_with_their_comments_and_bind_a_review_alike(self, world: World) -> None:
        file = Path("configs/seeds.yaml")
        (before,) = open_workspace(EVERYTHING, world.environment).seeds["sandbox"]
        assert formatted(world, file, check=True)[1] == "configs/seeds.yaml\nNot in order: 1 file.\n"
        assert formatted(world, file)[0] is Exit.DONE
        lines = text_of(world, "seeds").splitlines()
        assert sorted(lines) == sorted(SEEDS.splitlines())
        own = [line[4:].partition(":")[0] for line in lines if line[:4].isspace() and line[4] != " "]
        assert own == KEYS_IN_ORDER
        assert lines.index("        round: v8") + 1 == lines.index("        end_date: +7d")
        assert formatted(world, file, check=True) == (Exit.DONE, "All files are in order.\n")
        (after,) = open_workspace(EVERYTHING, world.environment).seeds["sandbox"]
        assert before.digest_on("sandbox", "a", "UTC") == after.digest_on("sandbox", "a", "UTC")

    def test_are_set_where_their_section_is_named_and_by_no_glob_that_does_not(self, world: World) -> None:
        was_set(world, "*", "first_row=3")
        assert text_of(world, "seeds") == SEEDS
        with pytest.raises(UsageError, match="no resource is called smoke"):
            was_set(world, "smoke", "round=9")
        edits = ("round=9", "end_date=+30d", "targets.sandbox.send_time=09:30")
        changed, *said = was_set(world, "customer_seeds.*", *edits).splitlines()
        assert changed == "Changed: 1 file for 1 seed."
        assert [line.partition(" counts")[0] for line in said] == [
            "On sandbox another round",
            "On sandbox another end_date",
        ]
        new, text = '        send_time: "09:30"\n', text_of(world, "seeds")
        changed = SEEDS.replace("    round: v7\n", '    round: "9"\n').replace("date: +21d", 'date: "+30d"')
        assert new in text
        assert text.replace(new, "") == changed

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("is_test=false", "not-a-test"),
            ("round=", "too-short"),
            ("customers=[]", "no field of a seed that can be set"),
            ("notification_email_addresses=x@example.com", "no field of a seed that can be set"),
            ("targets.nowhere.round=2", "targets.NAME.FIELD"),
            ("first_row=2", "no field of a seed that can be set"),
            # A value for a target where it does not live would send it there.
            ("targets.other.one.round=2", "does not live on target other.one"),
        ],
    )
    def test_are_not_set_to_what_would_be_wrong(self, world: World, text: str, said: str) -> None:
        seeds = SEEDS.replace("      other.one: {}\n", "")
        world.write("seeds.yaml", seeds)
        with pytest.raises((UsageError, NotEdited)) as refused:
            was_set(world, "customer_seeds.smoke", text)
        codes = [problem.code for problem in getattr(refused.value, "problems", ())]
        assert said in f"{refused.value} {codes}"
        assert text_of(world, "seeds") == seeds
