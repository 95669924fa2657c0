"""What a page of Markdown shows of the command line is run, and has to print what the page shows."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.repositories import ENVIRON

_PART = re.compile(r"^```(\w+)\n(.*?)^```$|^<!-- run: (.*?) -->$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"# (\S+/\S+\.\w+)\n")
_END = "\x1e"  # after what a command has printed


class Step(NamedTuple):
    """A command, and what the page shows of what it prints; `None` for one that the page does not show."""

    command: str
    output: str | None


def transcripts(page: str) -> list[Step]:
    """Return every command of a page in order: those of its `console` blocks, and those that the tests need.

    A block whose first line is `# FOLDER/FILE` stands for that file, and so does `$ cat FILE` with what it
    prints; `<!-- run: COMMAND -->` is run and not compared.
    """
    steps: list[Step] = []
    for fence, content, hidden in _PART.findall(page):
        if hidden:
            steps.append(Step(hidden, None))
        elif fence != "console":
            if named := _FILE.match(content):
                is_comment = named[1].endswith((".yaml", ".yml"))
                steps.append(_written(named[1], content if is_comment else content[named.end() :]))
        else:
            for step in re.split(r"^\$ ", content, flags=re.MULTILINE)[1:]:
                command, _, output = step.partition("\n")
                if command.startswith("cat ") and len(command.split()) == 2:
                    steps.append(_written(command.split()[1], output))
                steps.append(Step(command, output))
    return steps


def _written(path: str, content: str) -> Step:
    folder, file = shlex.quote(str(Path(path).parent)), shlex.quote(path)
    return Step(f"mkdir -p {folder}; printf %s {shlex.quote(content)} > {file}", None)


def timeless(text: str) -> str:
    """Return text with the dates and times that depend on when it is printed replaced.

    So is the status of who is sent to today at 11:30: the sandbox invites nobody before.
    """
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "DATE", text)
    text = re.sub(r"on the tenant: (\d+) (Initial|Invited);", r"on the tenant: \1 STATUS;", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+\+\d\d:\d\d", "DATE", text)
    text = re.sub(r"\b(you|colleague) on [\w.-]+", r"\1 on HOST", text)
    text = re.sub(r"\b[0-9a-f]{40}\b", "COMMIT", text)
    text = re.sub(r"process \d+ on [\w.-]+", "process N on HOST", text)
    text = re.sub(r"\breconciler \d+\.\d+\.\d+\w*", "reconciler VERSION", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)
    text = re.sub(r"\d+ s ago", "N s ago", text)
    text = re.sub(r"\b(today|\w{3} \d\d? \w{3}( \d{4})?) \d\d:\d\d\b", "DATE", text)
    # Near midnight it is open from which day days count.
    text = text.replace(", inferred]", "]")
    return re.sub(r"\(\d\d:\d\d UTC\)", "(TIME UTC)", text)


def assert_transcripts(page: str, folder: Path, **variables: str) -> None:
    """Run the commands of a page in one shell in `folder`, and compare what each prints with what is shown.

    A line that is only `…` stands for any lines. What goes to stderr counts, as it does on a terminal.
    `variables` are set for all of them.
    """
    steps = transcripts(page)
    end = f"end() {{ local exit=$?; printf '{_END}'; return $exit; }}\n"
    script = end + "".join(f"{step.command}\nend\n" for step in steps)
    environ = {
        **ENVIRON,
        "PATH": f"{Path(sys.executable).parent}:{ENVIRON['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "LOGNAME": "you",
        "GIT_AUTHOR_DATE": "2026-01-01T09:00:00Z",
        "GIT_COMMITTER_DATE": "2026-01-01T09:00:00Z",
        **variables,
    }
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
    )
    printed = ended.stdout.decode().split(_END)
    assert len(printed) == len(steps) + 1, printed
    for step, output in zip(steps, printed, strict=False):
        if step.output is None:
            assert not output, (step.command, output)
        else:
            told = f"$ {step.command}\n{timeless(output)}\nand the page shows\n{timeless(step.output)}"
            assert shows(step.output, output), told


def shows(shown: str, printed: str) -> bool:
    """Say whether a page shows what was printed, but for dates, times, and lines that stand as `…`."""
    lines = timeless(shown).splitlines(keepends=True)
    pattern = "".join("(.*\n)?" if line == "…\n" else re.escape(line) for line in lines)
    return re.fullmatch(pattern, timeless(printed), re.DOTALL) is not None
