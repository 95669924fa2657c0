"""Imports go one way, each library enters by one door, and starting stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from reconciler.cli import cli
from reconciler.problems import WARNINGS
from tests.benchmarks.workspaces import write_seed, write_workspace

PACKAGE = Path(__file__).parent.parent / "reconciler"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Room → the rooms that it may import from; a room may always import from itself.
MAY_IMPORT = {
    "access": "",
    "errors": "problems",
    "problems": "",
    "clock": "errors",
    "http": "access clock errors problems",
    "engine": "clock errors problems",
    "config": "access engine errors problems",
    "checkmarket": "access clock config engine errors http problems",
    "contacts": "checkmarket config engine errors problems",
    "journal": "access clock errors git problems system",
    "expoints": "access clock config engine errors http journal problems",
    "system": "errors",
    "planfile": "config engine errors problems",
    "git": "errors problems system",
    "render": "checkmarket contacts engine errors expoints journal problems",
    "sandbox": "",
    "commands": "access checkmarket clock config contacts engine errors expoints git http journal planfile"
    " problems render sandbox system",
    "cli": "commands engine errors render system",
    "__main__": "cli",
}

# Library → the only modules that may import it.
DOORS = {
    "certifi": {"journal/postgresql.py"},
    "click": {"cli/"},
    "deepdiff": {"engine/body.py"},
    "email_validator": {"contacts/rows.py"},
    "flask": {"sandbox/"},
    "httpcore": {"http/connections.py"},
    "httpx": {"http/"},
    "jinja2": {"render/html/__init__.py", "render/ci/__init__.py"},
    "phonenumbers": {"contacts/rows.py"},
    "psycopg": {"journal/postgresql.py"},
    "pydantic": {"config/", "checkmarket/model.py", "expoints/", "planfile/"},
    "python_calamine": {"contacts/workbook.py"},
    "ruamel": {"config/"},
    "sqlite3": {"journal/sqlite.py", "sandbox/"},
    "waitress": {"sandbox/app.py"},
    "werkzeug": {"sandbox/"},
}
VENDOR = re.compile(r"checkmarket|medallia|expoints", re.IGNORECASE)


def imports_of(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a module imports, wherever in it."""
    here = ["reconciler", *path.relative_to(PACKAGE).with_suffix("").parts]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: -node.level]) if node.level else ""
            yield ".".join(part for part in (base, node.module or "") if part)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_one_way(path: Path) -> None:
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("reconciler.")}
    room = room_of(path)
    assert rooms - {room} <= {*MAY_IMPORT.get(room, "").split()}


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path for path in MODULES}
    users: dict[str, set[str]] = {}
    for name, path in modules.items():
        statements = ast.parse(path.read_text("utf-8")).body
        imports = [one for one in statements if isinstance(one, ast.ImportFrom) and one.module]
        named = {f"{one.module}.{alias.name}" for one in imports for alias in one.names}
        named |= {one.module or "" for one in imports}
        packages = {f"{one}.__init__" for one in named}
        users[name] = {one for one in named | packages if one in modules and one != name}
    # A circle raises CycleError, which names it.
    assert set(TopologicalSorter(users).static_order()) == set(modules)


# Of a function without its docstring: a longer one has a step in it that could have a name.
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 700, 60


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_is_a_chapter_and_a_function_a_step(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    functions = [one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)]
    lengths = {one.name: (one.end_lineno or 0) - one.lineno + 1 - _documented(one) for one in functions}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FUNCTION} == {}


def _documented(function: ast.FunctionDef) -> int:
    """Return how many lines the docstring of a function has."""
    first = function.body[0]
    return (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(function) else 0


# What is not said about the files themselves: it is never to be switched off.
OF_A_RUN = {"files-left-out", "guardrail-loosened", "moved-lookalike", "untrue-default"}


def test_every_warning_about_the_files_can_be_switched_off() -> None:
    """It is one whose code is known; a call that makes a warning has its code first."""
    found = {
        call.args[0].value
        for path in MODULES
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if {"Severity.WARNING", "Severity.HINT"}
        & {*map(ast.unparse, [*call.args, *(word.value for word in call.keywords)])}
        or ast.unparse(call.func) == "warning"
    }
    assert found - OF_A_RUN == {*WARNINGS}


# Command → how many files and functions of the package it may enter on its way, the emulated APIs left out.
MOST_ENTERED = {
    "plan": (50, 400),
    "apply --target sandbox --yes --allow-resets --only import_configs.newsletter-nl": (55, 450),
    "set newsletter-nl survey_settings.invitation_delay_in_days=3": (29, 200),
}
_ENTERED = """
import inspect, sys, threading
entered = set()
def look(frame, event, argument):
    code = frame.f_code
    # A function is optimized; the body of a module or a class, which an import runs, is not.
    if event == "call" and code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<"):
        entered.add(f"{code.co_filename}:{code.co_qualname}")
from reconciler.cli import main
sys.setprofile(look), threading.setprofile(look)
exit = main(sys.argv[1:])
sys.setprofile(None)
print(*sorted(entered), sep="\\n", file=sys.stderr)
sys.exit(exit)
"""


@pytest.mark.parametrize(("command", "most"), MOST_ENTERED.items())
def test_a_command_is_told_in_few_files(command: str, most: tuple[int, int], workspace: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ENTERED, *command.split()], cwd=workspace, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    found = [Path(line.rpartition(":")[0]) for line in ended.stderr.splitlines()]
    entered = [path for path in found if path in MODULES and room_of(path) != "sandbox"]
    files, functions = len(set(entered)), len(entered)
    assert (files <= most[0], functions <= most[1]) == (True, True), (files, functions)


@pytest.mark.parametrize("library", DOORS)
def test_each_library_enters_by_one_door(library: str) -> None:
    users = {
        name_of(path) for path in MODULES if any(name.split(".")[0] == library for name in imports_of(path))
    }
    assert users
    assert [user for user in users if not any(user.startswith(door) for door in DOORS[library])] == []


# What writes to a stream by itself → the only modules that may: everything else goes through the console.
WRITERS = {
    "print": {"commands/console.py"},
    "echo": {"cli/running.py", "cli/completion.py"},
    "getLogger": {"cli/running.py", "http/api.py"},
}


def calls_in(path: Path) -> Iterator[str]:
    """Yield the bare name of everything that a module calls."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr


@pytest.mark.parametrize("writer", WRITERS)
def test_all_that_is_said_goes_through_the_console(writer: str) -> None:
    assert {name_of(path) for path in MODULES if writer in calls_in(path)} == WRITERS[writer]


def test_the_engine_names_no_vendor() -> None:
    named = [
        name_of(path) for path in (PACKAGE / "engine").glob("*.py") if VENDOR.search(path.read_text("utf-8"))
    ]
    assert named == []


def test_every_room_is_in_the_plan_of_the_house() -> None:
    assert {room_of(path) for path in MODULES} - {"__init__"} == set(MAY_IMPORT)


def imported_by(*arguments: str) -> set[str]:
    """Return the modules that are imported once the command line has run, in a process of its own."""
    program = (
        "import sys; from reconciler.cli import main; exit = main(sys.argv[1:]);"
        "print(*(name for name, module in sys.modules.items() if module), file=sys.stderr);"
        "sys.exit(exit)"
    )
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return set(ended.stderr.split())


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_starting_imports_the_table_of_verbs_and_no_verb(option: str) -> None:
    own = {"reconciler", "reconciler.cli", "reconciler.errors", "reconciler.system"}
    modules = imported_by(option)
    assert not {"pydantic", "httpx", "deepdiff", "ruamel"} & modules
    assert {name for name in modules if name.startswith("reconciler")} == own


def test_the_help_of_a_verb_imports_nothing_that_the_verb_needs() -> None:
    needed = {"pydantic", "httpx", "deepdiff", "ruamel", "flask", "psycopg", "sqlite3"}
    assert not needed & {name.partition(".")[0] for name in imported_by("plan", "--help")}


def test_the_models_of_seeds_are_imported_only_where_the_files_hold_a_seed(tmp_path: Path) -> None:
    without = write_workspace(tmp_path / "without", 3)
    seed = write_seed(tmp_path / "with", 1, "sandbox:")
    of_seeds = {"reconciler.config.seeds", "reconciler.expoints.model"}
    assert not (of_seeds | {"httpx", "deepdiff"}) & imported_by("validate", "--workspace", str(without))
    assert of_seeds <= imported_by("validate", "--workspace", str(seed))


def test_validating_builds_the_validators_of_what_stands_in_the_files_and_no_other(tmp_path: Path) -> None:
    built = (
        "import gc, sys; from pydantic import BaseModel; from reconciler.cli import main; main(sys.argv[1:]);"
        "models = [m for m in gc.get_objects() if isinstance(m, type) and issubclass(m, BaseModel)];"
        "names = sorted(m.__name__ for m in models if m.__pydantic_complete__ and m.model_fields);"
        "print(*names, file=sys.stderr)"
    )
    folder = str(write_workspace(tmp_path, 3))
    command = [sys.executable, "-c", built, "validate", "--workspace", folder]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.stderr.split() == ["Controls", "ImportConfig", "Settings", "TargetSettings"]


def test_the_command_line_of_httpx_is_not_imported() -> None:
    folder = PACKAGE.parent / "configs"
    modules = imported_by("plan", "--workspace", str(folder), "--target", "sandbox")
    assert "httpx" in modules
    assert not {"pygments", "rich"} & modules


def test_no_plugin_of_pydantic_is_shown_what_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "curious.py").write_text("plugin = None", "utf-8")
    (tmp_path / "curious-1.0.dist-info").mkdir()
    (tmp_path / "curious-1.0.dist-info" / "METADATA").write_text("Name: curious\nVersion: 1.0\n", "utf-8")
    told = "[pydantic]\ncurious = curious:plugin\n"
    (tmp_path / "curious-1.0.dist-info" / "entry_points.txt").write_text(told, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert "curious" not in imported_by("validate", "--workspace", str(write_workspace(tmp_path / "w", 3)))


def test_the_table_of_verbs_names_what_there_is_and_in_one_line() -> None:
    for name, verb in cli.commands.items():
        verb.make_context(name, [], resilient_parsing=True)
        assert verb.get_short_help_str(limit=60) == verb.help
