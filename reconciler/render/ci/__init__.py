"""Files for a CI system and the check list beside them, from the templates in this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

PASSED_ON = (
    *("CHECKMARKET_MASTER_KEY", "CHECKMARKET_KEY", "EXPOINTS_TOKEN"),
    *("EXPOINTS_CLIENT_ID", "EXPOINTS_CLIENT_SECRET", "RECONCILER_JOURNAL"),
)
"""The secrets that the workflows for GitHub pass on, and no others."""

FILES: Mapping[str, Mapping[str, str]] = {
    "github": {
        f".github/workflows/reconciler-{verb}.yml": f"github-{verb}.yml.j2"
        for verb in ("plan", "apply", "drift")
    },
    "gitlab": {".gitlab/reconciler.yml": "gitlab.yml.j2", ".gitlab-ci.yml": "gitlab-ci.yml.j2"},
    "azure": {".azure/reconciler.yml": "azure.yml.j2"},
}
"""CI system → the path of each file from the top of the repository → its template."""


def ci_files(system: str, facts: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
    """Return the text of each file by its path, and the lines of the check list.

    `facts` are what the templates name; a text of theirs is quoted as YAML.
    """
    templates = Environment(  # noqa: S701  # no HTML
        # Signs that mean nothing to any of these systems.
        *("<%", "%>", "<<", ">>", "<#", "#>"),
        loader=PackageLoader("reconciler.render", "ci"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # What is JSON is YAML, too; the filter of Jinja's own is for HTML.
    templates.filters["yaml"] = lambda value: json.dumps(value, ensure_ascii=False)
    made = {path: templates.get_template(name).render(facts) for path, name in FILES[system].items()}
    steps = templates.get_template(f"{system}.txt.j2").render(facts, passed_on=PASSED_ON)
    return made, steps.splitlines()
