"""Plans, and how they ended, as one page of HTML that needs nothing else: no network, no other file.

The only door of Jinja, which turns every value into text. The page may run what it brings, by its hash, and
nothing more.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from reconciler.render.html.page import page_of
from reconciler.render.links import Links
from reconciler.render.reported import Reported


def html(told: Sequence[Reported], links: Links) -> str:
    """Return the page of a run over its targets; `links` lead from places in files to where they are seen."""
    return _template().render(page=page_of(told, links), policy=_policy(), **_assets())


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    return environment.from_string(_asset("page.html.j2"))


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
