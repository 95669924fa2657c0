"""The floor: a bare script that does only what no tool can leave out, and imports nothing of this project.

    python floor.py validate FOLDER
    python floor.py plan FOLDER URL

`validate` reads every file with the C parser, walks the nodes into values with the place of each, refuses
duplicate keys and what YAML 1.1 would read otherwise, and validates every configuration with pydantic. `plan`
reads the list besides, and each configuration that the list lacks, and compares: eight requests at a time.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from _ruamel_yaml import CParser
from pydantic import BaseModel, ConfigDict, Field

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_AMBIGUOUS = re.compile(r"(?i)(y|yes|n|no|on|off)|0[0-9]+|[0-9]+(:[0-5]?[0-9])+")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}
WORKERS = 8
_PATH = "/3/contacts/import/configs"
_HEADERS = {"X-Master-Key": "master", "X-Key": "key"}


class Nodes(CParser):  # type: ignore[misc]  # the extension has no types
    """Builds nodes; the tag of a plain scalar is its value by YAML 1.2."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        del kind
        return "plain" if implicit and value is not None and implicit[0] else "text"

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Nothing depends on where a node stands."""

    def ascend_resolver(self) -> None:
        """Nothing depends on where a node stands."""


def value_of(
    node: Any, places: dict[tuple[str | int, ...], tuple[int, int]], path: tuple[str | int, ...]
) -> Any:
    """Return the plain value of a node; the place of every value goes to `places`."""
    mark = node.start_mark
    places[path] = (mark.line + 1, mark.column + 1)
    content = node.value
    if isinstance(content, str):
        return _scalar(content) if node.tag == "plain" else content
    if content and isinstance(content[0], tuple):
        values: dict[str, Any] = {}
        for key, inner in content:
            name = key.value
            if name in values:
                raise ValueError(f"{name} twice")
            values[name] = value_of(inner, places, (*path, name))
        return values
    return [value_of(item, places, (*path, number)) for number, item in enumerate(content)]


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _AMBIGUOUS.fullmatch(text):
        raise ValueError(f"{text}: quote it")
    return text


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class SurveySettings(_Strict):
    survey_id: int = Field(ge=1)
    invitation_delay_in_days: int | None = Field(None, ge=0)
    invitation_time: str | None = None
    expiration_after_days: int | None = Field(None, ge=0)
    expiration_time: str | None = None
    consider_cooldown_period: bool | None = None
    survey_cooldown_after_invitation: int | None = Field(None, ge=0)
    account_cooldown_after_invitation: int | None = Field(None, ge=0)


class Configuration(_Strict):
    name: str = Field(max_length=50)
    contact_list_id: int | None = Field(None, ge=1)
    survey_settings: SurveySettings | None = None
    email_is_required: bool | None = None
    email_must_be_unique_within_file: bool | None = None
    date_format: str | None = Field(None, max_length=10)
    email_must_be_unique_within_account: bool | None = None
    send_notification_mail: bool | None = None
    is_reusable: bool | None = None
    default_language_code: str | None = None
    update_type_id: int | None = Field(None, ge=1, le=2)
    keep: list[str] = []
    targets: dict[str, dict[str, Any]] = {}


def declared_in(folder: Path) -> Iterator[tuple[str, Configuration, Any]]:
    """Yield key, configuration and places of everything that the files of a folder declare."""
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "reconciler.yaml":
            places: dict[tuple[str | int, ...], tuple[int, int]] = {}
            text = path.read_bytes().decode("utf-8-sig")
            document = value_of(Nodes(text).get_single_node(), places, ())
            for key, fields in document["import_configs"].items():
                yield key, Configuration.model_validate(fields), places


def pascal(name: str) -> str:
    """Return the name of a field as the API has it."""
    return "".join(part.capitalize() for part in name.split("_"))


def body_of(configuration: Configuration) -> dict[str, Any]:
    """Return what is declared as the body of a request."""
    fields = configuration.model_dump(exclude_unset=True, exclude={"keep", "targets"})
    body = {pascal(name): value for name, value in fields.items()}
    body["SurveySettings"] = {pascal(name): value for name, value in body["SurveySettings"].items()}
    return body


def comparable(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body in which the two ways of writing a time are one."""
    settings = {
        name: f"{value}:00.0000000" if name.endswith("Time") and len(value) == 5 else value
        for name, value in body["SurveySettings"].items()
    }
    return {**body, "SurveySettings": settings}


def live_at(url: str, wanted: list[int]) -> dict[int, dict[str, Any]]:
    """Return every configuration of the account: from the list, or read one by one where it lacks bodies."""
    import httpx

    found: dict[int, dict[str, Any]] = {}
    with httpx.Client(base_url=url, headers=_HEADERS) as client:
        total = 1
        while len(found) < total:
            page = client.get(_PATH, params={"top": 100, "skip": len(found)}).json()
            total = page["Meta"]["TotalRowCount"]
            found |= {row["ImportConfigId"]: row for row in page["Data"]}
        lacking = [id for id in wanted if "SurveySettings" not in found[id]]
        with ThreadPoolExecutor(WORKERS) as pool:
            read = pool.map(lambda number: client.get(f"{_PATH}/{number}").json()["Data"], lacking)
            found |= zip(lacking, read, strict=True)
    return found


def main(verb: str, folder: str, url: str = "") -> None:
    """Do what a verb cannot leave out, and print one line a change."""
    declared = list(declared_in(Path(folder)))
    if verb == "plan":
        ids = [configuration.targets["measured"]["id"] for _, configuration, _ in declared]
        live = live_at(url, ids)
        for id, (key, configuration, _) in zip(ids, declared, strict=True):
            body, there = comparable(body_of(configuration)), comparable(live[id])
            if any(there.get(name) != value for name, value in body.items()):
                print("~", key, [name for name, value in body.items() if there.get(name) != value])
    print(len(declared), "configurations")


if __name__ == "__main__":
    main(*sys.argv[1:])
