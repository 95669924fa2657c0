"""Plans, and how they ended, as one page of HTML that needs nothing else: no network, no other file.

The only door of Jinja, which turns every value into text. The page may run what it brings, by its hash, and
nothing more.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined

from reconciler.render.html.page import Card, page_of
from reconciler.render.links import Links
from reconciler.render.reported import Reported

WHOLE = 40
"""So many cards stand on a page as a whole. What is inside of the others waits as text, for a script to make
elements of: a browser would make those of a thousand at one go, and answer nobody meanwhile."""

_MEANS_A_SCRIPT = re.compile("<(?=!|script)", re.IGNORECASE)


def html(told: Sequence[Reported], links: Links) -> str:
    """Return the page of a run over its targets; `links` lead from places in files to where they are seen."""
    page = page_of(told, links)
    given = {"page": page, "whole": WHOLE, "later": _later(page.cards[WHOLE:]), "policy": _policy()}
    return _templates().get_template("page.html.j2").render(given, **_assets())


def _later(cards: Sequence[Card]) -> str:
    """Return what is inside of some cards as JSON, which holds nothing that ends or begins a script."""
    if not cards:
        return ""
    inside = _templates().get_template("card.html.j2").module.inside  # type: ignore[attr-defined]  # a macro
    told = json.dumps([str(inside(card)) for card in cards], ensure_ascii=False)
    return _MEANS_A_SCRIPT.sub(r"\\u003c", told.replace("</", r"<\/"))


@cache
def _templates() -> Environment:
    return Environment(
        loader=FunctionLoader(_asset),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


@cache
def _assets() -> Mapping[str, str]:
    return {"style": _asset("page.css"), "script": _asset("page.js")}


@cache
def _policy() -> str:
    """Return the page's Content-Security-Policy."""
    style, script = (_source(text) for text in _assets().values())
    return f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return files(__name__).joinpath(name).read_text("utf-8")
