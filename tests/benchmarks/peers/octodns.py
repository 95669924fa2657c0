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
  source: {class: octodns.provider.yaml.YamlProvider, directory: ./source, split_extension: .split}
  target: {class: octodns.provider.yaml.YamlProvider, directory: ./target, split_extension: .split}
zones:
  example.com.: {sources: [source], targets: [target]}
"""
# One record of 26 lines in a file, with as many values as a configuration has.
_RECORD = """\
---
configuration-{number:05}:
  octodns:
    comment: Configuration {number:05}
    healthcheck:
      host: example.com
      path: /check
      port: 443
      protocol: HTTPS
    owner: newsletter
  ttl: {ttl}
  type: TXT
  values:
  - account cooldown after invitation 7
  - contact list 12
  - date format yyyy-MM-dd
  - default language code nl
  - email is required true
  - email must be unique within file true
  - expiration after days 14
  - expiration time 22:00
  - invitation delay in days 2
  - invitation time 09:00
  - name Configuration {number:05}
  - survey 4711
  - update type 1
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
                _write(folder / side / "example.com.split", objects, side)
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
    for number in range(objects):
        ttl = 600 if side == "target" and number % 10 == 0 else 300
        text = _RECORD.format(number=number, ttl=ttl)
        (folder / f"configuration-{number:05}.yaml").write_text(text, "utf-8")
