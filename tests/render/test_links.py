"""Links to files are made of what GitHub Actions tells, and of nothing that only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.problems import Place
from reconciler.render.github import Links

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TREE = f"https://github.com/acme/surveys/blob/{COMMIT}"


def environ(folder: Path, **others: str) -> dict[str, str]:
    told = {
        "SERVER_URL": "https://github.com",
        "REPOSITORY": "acme/surveys",
        "SHA": COMMIT,
        "WORKSPACE": str(folder),
    }
    return {f"GITHUB_{name}": value for name, value in (told | others).items()}


@pytest.mark.parametrize(
    ("below", "file", "link"),
    [
        ("", "configs/onze enquêtes#1.yaml", "configs/onze%20enqu%C3%AAtes%231.yaml"),
        ("sub", "a.yaml", "sub/a.yaml"),
        ("sub", "../a.yaml", "a.yaml"),
        ("sub", "{top}/a.yaml", "a.yaml"),
        ("sub", "./../sub/../a.yaml", "a.yaml"),
        *(("", file, None) for file in ("/etc/passwd", "../a.yaml", "configs/../../a.yaml", "..\\a.yaml")),
    ],
)
def test_a_place_is_linked_at_its_commit_and_line_from_the_top_of_the_repository(
    tmp_path: Path, below: str, file: str, link: str | None
) -> None:
    links = Links.of(environ(tmp_path), tmp_path / below)
    place = Place(file.format(top=tmp_path.resolve()), 7, 1)
    assert links.to(place) == (f"{TREE}/{link}#L7" if link else "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SERVER_URL", "javascript:alert(1)//"),
        ("SERVER_URL", "http://github.com"),
        ("SERVER_URL", "https://github.com/evil"),
        ("REPOSITORY", "acme"),
        ("REPOSITORY", "acme/surveys/../.."),
        ("SHA", "main"),
        ("SHA", ""),
        ("WORKSPACE", ""),
        ("WORKSPACE", "/nowhere/at/all"),
    ],
)
def test_where_anything_is_not_of_its_form_there_is_no_link(tmp_path: Path, name: str, value: str) -> None:
    assert Links.of(environ(tmp_path, **{name: value}), tmp_path).to(Place("a.yaml", 1, 1)) == ""
