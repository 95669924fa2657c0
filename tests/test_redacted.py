"""What must not be read in a traceback or a log does not stand in the text of a value."""

from __future__ import annotations

from typing import ClassVar

from reconciler.problems import Redacted


class Login(Redacted, frozen=True):
    shown: ClassVar = ("user",)

    user: str
    password: str


class Nameless(Redacted, frozen=True):
    password: str


def test_only_what_is_named_is_shown_to_people_and_to_tools_that_ask_for_fields() -> None:
    login, nameless = Login("ann", "hunter2"), Nameless("hunter2")
    assert (repr(login), f"{[nameless]}") == ("Login(user='ann')", "[Nameless()]")
    assert (login.__rich_repr__(), nameless.__rich_repr__()) == ([("user", "ann")], [])
