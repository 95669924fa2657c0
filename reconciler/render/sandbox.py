"""What a sandbox holds, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.render.values import harmless, shown


def sandbox_text(inventory: Mapping[str, Any]) -> str:
    """Return a sandbox's configurations, surveys, last requests and mails, a paragraph each."""
    blocks = [
        _block("Import configurations", _configs(inventory["import_configs"])),
        _block("Surveys", (f"  {s['Id']} {shown(s.get('Title'))}" for s in inventory["surveys"])),
        _block("Last requests", _requests(inventory["requests"])),
        _block("Mails", (f"  {shown(mail)}" for mail in inventory["mails"])),
    ]
    return "\n\n".join(block for block in blocks if block)


def _block(title: str, lines: Iterator[str]) -> str:
    text = "\n".join(lines)
    return f"{title}:\n{text}" if text else ""


def _configs(configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for config in configs:
        members = {k: v for k, v in config.items() if k not in ("ImportConfigId", "Name", "hidden")}
        hidden = "  hidden" if config["hidden"] else ""
        yield f"  {config['ImportConfigId']} {shown(config.get('Name'))}{hidden}"
        yield from (f"      {harmless(name)}: {shown(value, longest=90)}" for name, value in members.items())


def _requests(requests: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for request in requests:
        query = f"?{request['query']}" if request["query"] else ""
        status = request["status"] if request["status"] is not None else request["fault"]
        yield harmless(f"  {request['method']} {request['path']}{query} → {status}")
