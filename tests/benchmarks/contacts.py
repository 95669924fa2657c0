"""A contact file of any size without a fault, and the peers that read it by the same rules."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import xlsxwriter

from tests.benchmarks.bench import Bench, Check, Goal, Row, beside, cost, held, seconds, spend
from tests.benchmarks.peers import installed
from tests.benchmarks.workspaces import write_settings
from tests.hostile.children import Ended

# Contact member → its longest value, and what else the schema of frictionless asks of it.
_MEMBERS: dict[str, tuple[int, dict[str, object]]] = {
    "Email": (100, {"format": "email", "constraints": {"required": True, "unique": True}}),
    "FirstName": (50, {}),
    "LastName": (50, {}),
    "LangCode": (2, {"constraints": {"enum": ["nl", "fr", "en"]}}),
    "DateOfBirth": (10, {"type": "date", "format": "%Y-%m-%d", "constraints": {}}),
    "Phone": (20, {"constraints": {"pattern": r"\+\d{7,15}"}}),
    "Gender": (1, {"constraints": {"enum": ["M", "F"]}}),
    "Street": (50, {}),
    "HouseNumber": (6, {}),
    "PostalCode": (15, {}),
    "City": (50, {}),
    "Country": (2, {"constraints": {"enum": ["NL", "BE"]}}),
}
_CONFIG = """\
import_configs:
  contacts:
    name: Contacts
    contact_list_id: 12
    email_is_required: true
    email_must_be_unique_within_file: true
    date_format: yyyy-MM-dd
    field_delimiter: ","
    first_row: 2
    column_mappings: {mappings}
"""
_BARE = """\
import sys
from openpyxl import load_workbook
for row in load_workbook(sys.argv[1], read_only=True).active.iter_rows(values_only=True):
    pass
"""


def checking(bench: Bench) -> Iterator[Row]:
    """Measure `check` of a large CSV beside frictionless and csvkit, and of XLSX beside openpyxl."""
    many, few = 1000 * bench.scale.objects, 100 * bench.scale.objects
    folder = bench.folder / "contacts"
    workspace = folder / "configs"
    write_settings(workspace, "sandbox:")
    mappings = [
        {"source_column_number": at, "target_column_name": name} for at, name in enumerate(_MEMBERS, 1)
    ]
    (workspace / "contacts.yaml").write_text(_CONFIG.format(mappings=json.dumps(mappings)), "utf-8")
    large, small, book = folder / "large.csv", folder / "small.csv", folder / "small.xlsx"
    # By processes of their own, or what they hold would count for all that this one starts.
    for path, count in ((large, many), (small, few), (book, few)):
        bench.script("-m", "tests.benchmarks.contacts", path, f"{count}")
    check = partial(bench.run, "check", "--for", "contacts", workspace=workspace)
    runs = {"check": partial(check, large), "a tenth": partial(check, small), "XLSX": partial(check, book)}
    spent = bench.alternating({**runs, **(_peers(bench, large, book) if bench.scale.peers else {})})
    ours, tenth, sheet = spent["check"], spent["a tenth"], spent["XLSX"]
    growth = ours.megabytes / tenth.megabytes
    whole = [Check(seconds(ours.wall), ours.wall, Goal("≤ 12 s", 12))]
    memory = [
        held(ours, 200),
        Check(f"{growth:.2f} × the memory of {few:,} rows", growth, Goal("≤ 1.1 ×", 1.1)),
    ]
    frictionless, csvclean, openpyxl, halved = "", "", "", list[Check]()
    if bench.scale.peers:
        frictionless, csvclean, openpyxl = (
            cost(spent[name]) for name in ("frictionless", "csvclean", "openpyxl")
        )
        whole = [beside(ours, spent["frictionless"], Goal("≤ 1/8", 1 / 8)), *whole]
        memory = [beside(ours, spent["csvclean"]), *memory]
        halved = [beside(sheet, spent["openpyxl"], Goal("≤ 1/2", 0.5))]
    work = f"`check`, CSV of {many:,} contacts, {len(_MEMBERS)} columns"
    yield Row(work, cost(ours), frictionless and f"frictionless {frictionless}", whole)
    yield Row(f"{work}: memory", cost(ours), csvclean and f"csvclean, the form alone {csvclean}", memory)
    yield Row(
        f"`check`, XLSX of {few:,}", cost(sheet), openpyxl and f"openpyxl, reading alone {openpyxl}", halved
    )


def _peers(bench: Bench, large: Path, book: Path) -> dict[str, Callable[[], Ended]]:
    folder = bench.folder / "contacts"
    schema = folder / "schema.json"
    fields = [
        {"name": name, "type": "string", "constraints": {"maxLength": longest}} | more
        for name, (longest, more) in _MEMBERS.items()
    ]
    schema.write_text(json.dumps({"fields": fields}), "utf-8")
    frictionless = installed(bench, "frictionless==5.21.0") / "frictionless"
    csvclean = installed(bench, "csvkit==2.2.0") / "csvclean"
    python = installed(bench, "openpyxl==3.1.5") / "python"
    return {
        "frictionless": partial(
            spend, [frictionless, "validate", large.name, "--schema", schema.name], large.parent
        ),
        # What it prints, the whole file, is not to stay in this process, which all others are started from.
        "csvclean": partial(
            spend, ["sh", "-c", 'exec "$@" > /dev/null', "sh", csvclean, "-a", large], folder
        ),
        "openpyxl": partial(spend, [python, "-c", _BARE, book], book.parent),
    }


def _contacts(count: int) -> Iterator[tuple[str, ...]]:
    """Yield the header, and contacts that no rule refuses."""
    yield tuple(_MEMBERS)
    for number in range(count):
        born = f"{1940 + number % 65}-{1 + number % 12:02}-{1 + number % 28:02}"
        name, language = ("John", "Jane")[number % 2], ("nl", "fr", "en")[number % 3]
        phone, where = f"+4420794{number % 100_000:05}", ("NL", "BE")[number % 2]
        street = (
            f"Street {number % 977}",
            str(1 + number % 300),
            f"{1000 + number % 9000}",
            f"City {number % 211}",
        )
        yield (
            f"{name}.{number}@example.com",
            name,
            "Do",
            language,
            born,
            phone,
            "MF"[number % 2],
            *street,
            where,
        )


def _write(path: Path, count: int) -> None:
    """Write contacts into a CSV, or into a workbook as Excel does, with a table of shared strings."""
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            file.writelines(f"{','.join(cells)}\r\n" for cells in _contacts(count))
        return
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for at, cells in enumerate(_contacts(count)):
            sheet.write_row(at, 0, cells)


if __name__ == "__main__":
    _write(Path(sys.argv[1]), int(sys.argv[2]))
