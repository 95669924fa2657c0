"""What a plain scalar means: YAML 1.2 core, and only where YAML 1.1 and every reader agree.

Source: YAML 1.2.2, section 10.3.2 (core schema); the type repository of YAML 1.1 (bool, int, float, null).
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from reconciler.engine.kind import Json

INT64_MAX = 2**63 - 1
LONGEST_NUMBER = 40


class Refusal(NamedTuple):
    """Why a plain scalar is not read: a code, what is wrong, and what to write instead."""

    code: str
    message: str
    hint: str


class Scalar(NamedTuple):
    """The value of a plain scalar; with a refusal, the value that the right form would most likely have."""

    value: Json
    refusal: Refusal | None = None


_WORDS: dict[str, bool | None] = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "null": None,
}
_SWITCHES = {"y", "n", "yes", "no", "on", "off"}
_NULL_FORMS = {"~", "Null", "NULL"}
_STARTS_A_NUMBER = frozenset("+-.0123456789")

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]*)")
_FRACTION = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-9]{1,2})+(?:\.[0-9]*)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+(?:\.[0-9]*)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(?:0o[0-7_]+|0x[0-9a-f_]+|0b[01_]+|\.inf|\.nan"
    r"|[0-9][0-9_]*(?:\.[0-9_]*)?(?:e[-+]?[0-9]+)?|\.[0-9][0-9_]*(?:e[-+]?[0-9]+)?)",
    re.IGNORECASE,
)


def quoted(text: str) -> str:
    """Return the form in which YAML reads `text` as text, whatever it looks like."""
    return json.dumps(text, ensure_ascii=False)


def plain(text: str) -> Scalar:
    """Return the meaning of a scalar that was written without quotes and without a tag."""
    return _word(text) if len(text) <= LONGEST_NUMBER else _plain(text)


@lru_cache(maxsize=1_000)
def _word(text: str) -> Scalar:
    return _plain(text)


def _plain(text: str) -> Scalar:
    if text in _WORDS:
        return Scalar(_WORDS[text])
    if text[:1] in _STARTS_A_NUMBER:
        return _number(text)
    if text.lower() in _SWITCHES:
        return _switch(text)
    if text in _NULL_FORMS:
        return Scalar(None, Refusal("yaml-null-form", f"{text} is not read as null", "write null"))
    return Scalar(text) if text else _nothing()


def _nothing() -> Scalar:
    message = "nothing is written here"
    return Scalar(
        None, Refusal("empty-value", message, 'write the value; null, "", [] or {} if that is meant')
    )


def _switch(text: str) -> Scalar:
    meant = text.lower() in {"y", "yes", "on"}
    message = f"{text} is {str(meant).lower()} to some readers of YAML and text to others"
    hint = f"write {quoted(text)} for the text, {str(meant).lower()} for the truth value"
    return Scalar(text, Refusal("yaml-implicit-bool", message, hint))


def _number(text: str) -> Scalar:
    if _WHOLE.fullmatch(text):
        return _whole(text)
    if _FRACTION.fullmatch(text):
        return Scalar(float(text)) if len(text) <= LONGEST_NUMBER else _too_large(text)
    refusal = _number_refusal(text)
    return _too_large(text) if refusal and len(text) > LONGEST_NUMBER else Scalar(text, refusal)


def _whole(text: str) -> Scalar:
    # The length comes first: converting a huge number takes quadratic time.
    if len(text) > LONGEST_NUMBER or abs(int(text)) > INT64_MAX:
        return _too_large(text)
    return Scalar(int(text))


def _too_large(text: str) -> Scalar:
    refusal = Refusal("yaml-number-too-large", "the number is too long", "write it in quotes if it is text")
    return Scalar(text, refusal)


def _number_refusal(text: str) -> Refusal | None:
    if _SEXAGESIMAL.fullmatch(text):
        message = f"{text} is a number with base 60 to some readers of YAML"
        return Refusal("yaml-sexagesimal", message, f"write {quoted(text)}")
    if _LEADING_ZERO.fullmatch(text):
        message = f"{text} is an octal number to some readers of YAML and a decimal one to others"
        hint = f"write {quoted(text)} for the text, or the number without leading zeros"
        return Refusal("yaml-leading-zero", message, hint)
    if _OTHER_NUMBER.fullmatch(text):
        message = f"{text} is a number to some readers of YAML and text to others"
        hint = f"write {quoted(text)} for the text, or the number in plain decimal digits"
        return Refusal("yaml-number-form", message, hint)
    return None
