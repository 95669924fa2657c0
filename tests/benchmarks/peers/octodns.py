"""octoDNS: the plan of as many records of the same size, from YAML to YAML, without any network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.peers.environments import installed
from tests.benchmarks.processes import Failed, Spent, spend

REQUIREMENT = "octodns==1.22.0"
_SETTINGS = """\
manager: {max_workers: 1}
providers:
  source: {class: octodns.provider.yaml.YamlProvider, directory: ./source}
  target: {class: octodns.provider.yaml.YamlProvider, directory: ./target}
zones:
  example.com.: {sources: [source], targets: [target]}
"""
# As many lines, keys and values as a configuration has; all in one file a zone, as octoDNS keeps them.
_RECORD = """\
# One record of many; 26 lines.
configuration-{number:05}:
  octodns:
    comment: Configuration {number:05}
    owner: newsletter
  ttl: {ttl}
  type: NAPTR
  values:
{values}"""
_VALUE = """\
  - flags: S
    order: {order}
    preference: 100
    regexp: "!^.*$!sip:customer-{number:05}@example.com!"
    replacement: survey-{number:05}.example.com.
    service: SIP+D2U
"""


@dataclass
class OctoDns:
    """The program, and workspaces for it."""

    program: Path
    folder: Path
    _written: set[int] = field(default_factory=set)

    @classmethod
    def installed(cls, bench: Bench) -> OctoDns:
        """Return it, installed if need be. Raises `Failed` where that cannot be."""
        programs = installed(bench.cache, REQUIREMENT, bench.say)
        return cls(programs / "octodns-sync", bench.folder / "octodns")

    def prepare(self, objects: int) -> Path:
        """Write so many records on both sides, of which one in ten differs."""
        folder = self.folder / str(objects)
        if objects not in self._written:
            for side in ("source", "target"):
                _write(folder / side, objects, side)
            (folder / "octodns.yaml").write_text(_SETTINGS, "utf-8")
            self._written.add(objects)
        return folder

    def plan(self, objects: int) -> Spent:
        """Plan so many records; see `prepare`."""
        spent = spend([self.program, "--config-file", "octodns.yaml"], self.prepare(objects))
        if f"Updates={objects // 10}, Deletes=0, Existing={objects}" not in spent.text:
            raise Failed(f"octoDNS planned something else: {spent.text[-1000:]}")
        return spent


def _write(folder: Path, objects: int, side: str) -> None:
    folder.mkdir(parents=True)
    records = (_record(number, side) for number in range(objects))
    (folder / "example.com.yaml").write_text("---\n" + "".join(records), "utf-8")


def _record(number: int, side: str) -> str:
    ttl = 600 if side == "target" and number % 10 == 0 else 300
    values = "".join(_VALUE.format(number=number, order=order) for order in (10, 20, 30))
    return _RECORD.format(number=number, ttl=ttl, values=values)
