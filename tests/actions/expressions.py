"""The expressions of GitHub Actions, as far as the workflows here use them; anything else is an error.

As GitHub's documentation "Evaluate expressions in workflows and actions" has them: text is compared without
regard to case, what is not there is null, and null, false, 0 and empty text count as false. Python's `and`,
`or` and `not` mean the same, so an expression is written as one of Python's; none here compares a `!`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

Contexts = Mapping[str, Any]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<call>[A-Za-z]+)\(|(?P<constant>true|false|null)\b|(?P<number>\d+)"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)|(?P<sign>&&|\|\||==|!=|[!(),]))\s*"
)
_PYTHON = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False", "null": "None"}


class _Text(str):
    """Text as GitHub compares it."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return self.lower() == other.lower() if isinstance(other, str) else f"{self}{as_text(other)}" == ""

    def __ne__(self, other: object) -> bool:
        return not self == other


def evaluate(text: str, contexts: Contexts, status: str = "success") -> Any:
    """Return what an expression is; `status` is that of the job so far."""
    written, place = "", 0
    while place < len(text):
        token = _TOKEN.match(text, place)
        assert token, f"{text[place:]} is no expression that is known here"
        kind, found = str(token.lastgroup), str(token[str(token.lastgroup)])
        if kind == "text":
            found = f"text({found[1:-1].replace(chr(39) * 2, chr(39))!r})"
        elif kind == "name":
            found = f"member({found!r})"
        written += f"{found}(" if kind == "call" else _PYTHON.get(found, found)
        place = token.end()

    def member(path: str) -> Any:
        name, *members = path.split(".")
        assert name in contexts, f"there is no context {name}"
        value = contexts[name]
        for one in members:
            value = value.get(one) if isinstance(value, Mapping) else None
        return _Text(value) if isinstance(value, str) else value

    status_functions: Mapping[str, Callable[[], bool]] = {
        "success": lambda: status == "success",
        "failure": lambda: status == "failure",
        "cancelled": lambda: status == "cancelled",
        "always": lambda: True,
    }
    names = {**_FUNCTIONS, **status_functions, "member": member, "text": _Text, "__builtins__": {}}
    value = eval(written.strip(), names)  # noqa: S307  # tokens of workflows in this repository
    return str(value) if isinstance(value, str) else value


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
    return bool(evaluate(text, contexts, status)) and (bool(asks) or status == "success")


def as_text(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "format": lambda text, *values: re.sub(r"\{(\d)\}", lambda found: as_text(values[int(found[1])]), text),
    "fromJSON": json.loads,
    "toJSON": json.dumps,
}
