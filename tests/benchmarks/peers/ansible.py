"""Ansible: the same configurations on the same server, by its module for calls over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.peers.environments import installed
from tests.benchmarks.processes import spend
from tests.benchmarks.server import CONFIGS
from tests.benchmarks.workspaces import live_bodies

REQUIREMENT = "ansible-core==2.19.14"
_PLAYBOOK = """\
- hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    ansible.builtin.uri: {headers: {X-Master-Key: master, X-Key: key}, return_content: true}
  tasks:
    - name: read
      ansible.builtin.uri:
        url: "{{ url }}/{{ item.ImportConfigId }}"
      loop: "{{ bodies }}"
      loop_control: {label: "{{ item.Name }}"}
      register: live
    - name: write
      when: apply | bool and item.json.Data.SurveySettings != item.item.SurveySettings
      ansible.builtin.uri:
        url: "{{ url }}/{{ item.item.ImportConfigId }}"
        method: PUT
        body_format: json
        body: "{{ item.item }}"
      loop: "{{ live.results }}"
      loop_control: {label: "{{ item.item.Name }}"}
"""


@dataclass
class Ansible:
    """The program, and a folder for it; `url` is that of the configurations."""

    program: Path
    folder: Path
    url: str

    @classmethod
    def installed(cls, bench: Bench) -> Ansible:
        """Return it, installed if need be. Raises `Failed` where that cannot be."""
        programs = installed(bench.cache, REQUIREMENT, bench.say)
        folder = bench.folder / "ansible"
        folder.mkdir(exist_ok=True)
        (folder / "playbook.yaml").write_text(_PLAYBOOK, "utf-8")
        return cls(programs / "ansible-playbook", folder, f"{bench.server.url}{CONFIGS}")

    def each(self, objects: int, *, apply: bool) -> float:
        """Return the seconds that one more object takes, from so many: read, or read and written."""
        few, many = self._wall(1, apply=apply), self._wall(objects + 1, apply=apply)
        return (many - few) / objects

    def _wall(self, objects: int, *, apply: bool) -> float:
        bodies = [body for _, body in live_bodies(objects, 0)]
        python = str(self.program.with_name("python"))
        given = {"bodies": bodies, "url": self.url, "apply": apply, "ansible_python_interpreter": python}
        (self.folder / "given.json").write_text(json.dumps(given), "utf-8")
        command: list[str | Path] = [self.program, "-i", "localhost,", "-e", "@given.json", "playbook.yaml"]
        home = {"ANSIBLE_HOME": str(self.folder), "ANSIBLE_LOCALHOST_WARNING": "0", "ANSIBLE_NOCOLOR": "1"}
        return spend(command, self.folder, {**home, "LC_ALL": "C.UTF-8"}).wall
