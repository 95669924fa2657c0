"""The expressions of GitHub Actions, as far as the workflows here use them; anything else is an error.

As GitHub's documentation "Evaluate expressions in workflows and actions" has them: text is compared without
regard to case, what is not there is null, and null, false, 0 and empty text count as false.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Contexts = Mapping[str, Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][A-Za-z0-9_-]*)|(?P<sign>&&|\|\||==|!=|[!().,]))"
)
_CONSTANTS = {"true": True, "false": False, "null": None}


def evaluate(text: str, contexts: Contexts, status: str = "success") -> Any:
    """Return what an expression is; `status` is that of the job so far."""
    parser = _Parser(_tokens(text), contexts, status)
    value = parser.either()
    assert not parser.tokens, f"{text} goes on with {parser.tokens[0]}"
    return value


def interpolated(value: Any, contexts: Contexts, status: str = "success") -> Any:
    """Return a value of a workflow with every expression in it replaced, by its value if it stands alone."""
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\s*\$\{\{(.*?)\}\}\s*", value, re.DOTALL)
    if whole and "${{" not in whole[1]:
        return evaluate(whole[1], contexts, status)
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: as_text(evaluate(found[1], contexts, status)), value)


def holds(condition: Any, contexts: Contexts, status: str = "success") -> bool:
    """Tell whether the `if` of a job or step holds; without a word about the status, only after success."""
    text = str(condition).strip() if condition is not None else "success()"
    inner = re.fullmatch(r"\$\{\{(.*)\}\}", text, re.DOTALL)
    text = inner[1] if inner else text
    asks = re.search(r"\b(success|failure|always|cancelled)\(\)", text)
    return _is_true(evaluate(text, contexts, status)) and (bool(asks) or status == "success")


def as_text(value: Any) -> str:
    """Return a value as it stands in a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while text[place:].strip():
        token = _TOKEN.match(text, place)
        assert token, f"{text[place:]} is no expression that is known here"
        found.append((str(token.lastgroup), str(token[str(token.lastgroup)])))
        place = token.end()
    return found


def _is_true(value: Any) -> bool:
    return bool(value)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return bool(one == other) if type(one) is type(other) else {as_text(one), as_text(other)} == {""}


@dataclass
class _Parser:
    tokens: list[tuple[str, str]]
    contexts: Contexts
    status: str

    def _takes(self, sign: str) -> bool:
        if self.tokens and self.tokens[0] == ("sign", sign):
            del self.tokens[0]
            return True
        return False

    def either(self) -> Any:
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = value if _is_true(value) else other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._takes("&&"):
            other = self._compared()
            value = other if _is_true(value) else value
        return value

    def _compared(self) -> Any:
        value = self._negated()
        if self._takes("=="):
            return _equal(value, self._negated())
        if self._takes("!="):
            return not _equal(value, self._negated())
        return value

    def _negated(self) -> Any:
        return not _is_true(self._negated()) if self._takes("!") else self._value()

    def _value(self) -> Any:
        if self._takes("("):
            value = self.either()
            assert self._takes(")")
            return value
        kind, text = self.tokens.pop(0)
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return int(text)
        assert kind == "name", text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        return self._called(text) if self._takes("(") else self._member(text)

    def _member(self, name: str) -> Any:
        assert name in self.contexts, f"there is no context {name}"
        value = self.contexts[name]
        while self._takes("."):
            _, member = self.tokens.pop(0)
            value = value.get(member) if isinstance(value, Mapping) else None
        return value

    def _called(self, name: str) -> Any:
        arguments = []
        while not self._takes(")"):
            arguments.append(self.either())
            self._takes(",")
        return _FUNCTIONS[name](self.status, *arguments)


def _format(text: str, *values: Any) -> str:
    return re.sub(r"\{(\d)\}", lambda found: as_text(values[int(found[1])]), text)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "success": lambda status: status == "success",
    "failure": lambda status: status == "failure",
    "always": lambda _: True,
    "cancelled": lambda status: status == "cancelled",
    "format": lambda _, text, *values: _format(text, *values),
    "fromJSON": lambda _, text: json.loads(text),
    "toJSON": lambda _, value: json.dumps(value),
}
