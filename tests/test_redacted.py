"""What must not be read in a traceback or a log does not stand in the text of a value."""

from __future__ import annotations

from typing import ClassVar

import pytest

from reconciler.problems import Redacted


class Login(Redacted, frozen=True):
    shown: ClassVar = ("user",)

    user: str
    password: str


class Nameless(Redacted, frozen=True):
    password: str


def test_only_what_is_named_is_shown() -> None:
    assert repr(Login("somebody", "hunter2")) == "Login(user='somebody')"
    assert f"{[Nameless('hunter2')]}" == "[Nameless()]"


def test_tools_that_ask_for_the_fields_get_no_others() -> None:
    assert Login("somebody", "hunter2").__rich_repr__() == [("user", "somebody")]
    assert Nameless("hunter2").__rich_repr__() == []


def test_it_is_a_value_all_the_same() -> None:
    login = Login("somebody", "hunter2")
    assert login == Login("somebody", "hunter2") != Login("somebody", "another")
    assert {login: 1}[Login("somebody", "hunter2")] == 1
    with pytest.raises(AttributeError):
        login.user = "another"  # type: ignore[misc]
