"""Keys made from whatever a person can type: readable, safe, stable, and each its own."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.names import NAME, keys_for, slug

SLUGS = {
    "Newsletter NL": "newsletter-nl",
    "Ünïcödé  Straße": "unicode-strasse",
    "a/b\\c:d": "a-b-c-d",
    "🎉": "party-popper",
    "Опрос": "",
    "\u202eevil": "evil",
    "x" * 90: "x" * 60,
}
DEVICES = re.compile(r"con|prn|aux|nul|com[0-9]|lpt[0-9]")

names = st.one_of(
    st.text(max_size=50), st.sampled_from([*SLUGS, "con", "NUL", "Com1", "newsletter-nl", "newsletter-nl-3"])
)


@pytest.mark.parametrize(("name", "made"), SLUGS.items())
def test_a_name_becomes_a_readable_key(name: str, made: str) -> None:
    assert slug(name) == made


def test_of_names_that_look_alike_the_smallest_id_has_the_plain_key() -> None:
    named = [(7, "News NL"), (3, "news/nl"), (5, "NEWS-NL"), (9, "News NL 5")]
    assert keys_for(named, [], "x") == {3: "news-nl", 5: "news-nl-5", 7: "news-nl-7", 9: "news-nl-5-9"}


def test_a_key_that_is_taken_or_a_device_of_windows_gets_its_id() -> None:
    keys = keys_for([(1, "con"), (2, "Welcome"), (3, "?"), (4, "Опрос")], ["WELCOME", "x-3"], "x")
    assert keys == {1: "con-1", 2: "welcome-2", 3: "x-3-2", 4: "x-4"}


@settings(deadline=None)
@given(st.lists(names, max_size=60), st.lists(st.sampled_from(["party", "x-1", "News"]), unique=True))
def test_keys_are_safe_unique_and_the_same_in_any_order(some: list[str], taken: list[str]) -> None:
    named = [*enumerate(some, 1)]
    keys = keys_for(named, taken, "x")
    assert keys.keys() == {id for id, _ in named}
    assert all(NAME.fullmatch(key) and not DEVICES.fullmatch(key) for key in keys.values())
    assert len({key.lower() for key in (*keys.values(), *taken)}) == len(some) + len(taken)
    random.Random(1).shuffle(named)
    assert keys_for(named, taken, "x") == keys
