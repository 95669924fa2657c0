"""Modules in a checkout that are called like what a program imports, and leave a file behind if they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

NAMES = """
    venv ensurepip pip hatchling json subprocess urllib http zipfile reviews github sitecustomize
    usercustomize pkgutil click msgspec pydantic yaml ruamel httpx reconciler encodings platform
""".split()  # noqa: SIM905


def planted(witness: Path) -> Mapping[str, str]:
    """Return files, path → text, each of which writes its name to `witness` when it is imported or run."""
    text = f"open({str(witness)!r}, 'a').write(__name__ + chr(10))\n"
    modules = {f"{name}.py": text for name in NAMES if name not in ("pip", "reconciler", "ruamel")}
    packages = {
        f"{name}/{file}.py": text
        for name in ("pip", "reconciler", "ruamel")
        for file in ("__init__", "__main__", "cli")
    }
    settings = {"pip.conf": "[global]\nindex-url = http://127.0.0.1:9/\n", "x.pth": f"import os; {text}"}
    return {**modules, **packages, **settings}
