"""One step of a job: `reconciler` on one target, and what GitHub is to be told about it.

Arguments are the variables INPUT_… that `action.yml` sets. Ends with the exit code of `reconciler`, or with 1
where that is 0 and GitHub could not be told. Runs `reconciler` without the token of the job.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from github import GitHub, Trouble, Unclear
from reviews import Push, Search, Source, artifact_name, git

DONE, ERROR, PENDING, REFUSED, STALE = 0, 1, 2, 3, 5
DEFAULT_BOT = "github-actions[bot]"
"""Who writes with the token of the job."""
FORMS = {"markdown": "md", "html": "html"}
"""The form of a report → how the name of its file ends."""
LONGEST_BODY = 65_536
"""Characters of a comment, or of an issue."""
_STEERING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]|##\["
)

HOW_TO_GO_ON = (
    "To go on: run the plan of the pull request again and then this run, or start this workflow by hand. "
    "Without fingerprints it shows what is pending; with those it carries out exactly that."
)


@dataclass(frozen=True)
class Step:
    """What the step is to do, and where its files are."""

    target: str
    inputs: Mapping[str, str]
    event: Mapping[str, Any]
    folder: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @classmethod
    def of_this_job(cls) -> Step:
        """Return what the variables of the job tell."""
        inputs = {n.removeprefix("INPUT_"): v for n, v in os.environ.items() if n.startswith("INPUT_")}
        folder = Path(inputs["FOLDER"])
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.*"):  # of another step of the same job
            left.unlink()
        event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
        return cls(inputs["TARGET"], inputs, event, folder)

    @property
    def markdown(self) -> Path:
        """The report that `reconciler` writes for people."""
        return self.folder / "plan.md"

    @property
    def run_address(self) -> str:
        """Where this run can be looked at."""
        server, repository, run = (
            self.environ[f"GITHUB_{n}"] for n in ("SERVER_URL", "REPOSITORY", "RUN_ID")
        )
        return f"{server}/{repository}/actions/runs/{run}"

    def reconciler(self, verb: str, *arguments: str) -> int:
        """Run `reconciler` on the target and return its exit code; it writes the summary itself."""
        about = [
            f"--workspace={self.inputs['WORKSPACE']}",
            *([f"--target={self.target}"] if self.target else []),
        ]
        # GitHub gives a secret that is not set as empty text, which would be a value. Nothing of Python's own
        # may say where it imports from.
        environ = {n: v for n, v in self.environ.items() if v and not n.startswith(("INPUT_", "PYTHON"))}
        environ |= {"PYTHONSAFEPATH": "1", "PYTHONUNBUFFERED": "1"}
        command = [self.inputs["PROGRAM"], verb, *about, *arguments]
        sys.stdout.flush()
        ended = to_its_end(command, environ)
        return 128 - ended if ended < 0 else ended

    def planned(self, *arguments: str) -> int:
        """Plan, and write the plan and its reports to the folder."""
        reports = (f"markdown={self.markdown}", f"html={self.folder / 'plan.html'}")
        told = [word for report in reports for word in ("--report", report)]
        return self.reconciler("plan", "--out", str(self.folder / "plan.json"), *told, *arguments)

    def report(self, code: int) -> str:
        """Return the report, or a sentence where there is none."""
        try:
            return self.markdown.read_text("utf-8")
        except OSError:
            return (
                f"Nothing was planned: `reconciler` ended with exit code {code}. The log of the run says why."
            )

    def say(self, *lines: str) -> None:
        """Tell people, in the log and in the summary of the step."""
        for line in lines:
            print(harmless(line))
        self.add("GITHUB_STEP_SUMMARY", "".join(f"- {harmless(line)}\n" for line in lines) + "\n")

    def add(self, variable: str, text: str) -> None:
        """Add text to the file of the step that a variable names; one that cannot be written ends nothing."""
        try:
            with Path(self.environ.get(variable, "")).open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            print(harmless(f"The file of {variable} cannot be written: {error.strerror}."))


@dataclass
class Relay:
    """Passes signals on to a program, those too that come before it has begun."""

    process: subprocess.Popen[bytes] | None = None
    early: list[int] = field(default_factory=list)

    def __call__(self, number: int, _frame: object) -> None:
        """Pass a signal on, or keep it."""
        if self.process is None:
            self.early.append(number)
        else:
            self.process.send_signal(number)

    def begin(self, process: subprocess.Popen[bytes]) -> None:
        """Pass on to this program from here on."""
        self.process = process
        for number in self.early:
            process.send_signal(number)


def to_its_end(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run a program and return its exit code; a run that is cancelled lets it finish what it is at.

    The runner signals this process alone, and kills what is left some seconds later.
    """
    relay = Relay()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, relay)
    with subprocess.Popen(command, env=environ) as process:  # noqa: S603
        relay.begin(process)
        return process.wait()


def harmless(text: str) -> str:
    """Return text as one line that steers neither the runner nor a terminal."""
    line = _STEERING.sub(" ", text).strip()
    return f": {line[1:]}" if line.startswith("::") else line


def marker(what: str, target: str) -> str:
    """Return the comment by which what was written about a target is found; nobody sees it."""
    return f"<!-- reconciler:{what} target={quote(target, safe='')} -->"


@dataclass(frozen=True)
class Note:
    """What the bot keeps up to date in one place: a comment of a pull request, or an issue.

    `account` is the user behind the token, as `GitHub.account` returns it.
    """

    github: GitHub
    mark: str
    bot: str
    account: Mapping[str, Any] | None

    @classmethod
    def of(cls, github: GitHub, mark: str, bot: str) -> Note:
        """Return the note of the account behind the token. Errors: `Trouble` where `bot` names another."""
        note = cls(github, mark, bot, github.account())
        if note.account and bot not in (DEFAULT_BOT, "") and not note.is_named(note.account):
            raise note.mismatch(note.account)
        return note

    def is_named(self, user: Mapping[str, Any]) -> bool:
        """Tell whether `bot` names this account; an app's login ends in [bot], which may be left out."""
        names = {self.bot.lower(), *([f"{self.bot.lower()}[bot]"] if user.get("type") == "Bot" else [])}
        return str(user.get("login")).lower() in names

    def is_own(self, one: Any) -> bool:
        """Tell whether the bot itself wrote it, and as this note: nothing else is ever edited."""
        user = one["user"] or {}
        if self.account:
            is_by_bot = user.get("login") == self.account.get("login")
        elif self.account is not None or self.bot.endswith("[bot]"):
            is_by_bot = user.get("type") == "Bot" and self.is_named(user)
        else:
            is_by_bot = self.is_named(user)
        return is_by_bot and "pull_request" not in one and str(one["body"] or "").startswith(self.mark)

    def mismatch(self, user: Mapping[str, Any]) -> Trouble:
        """Return why nothing is written: it would not be known again, and be written anew each time."""
        login = user.get("login")
        return Trouble(f"the token writes as {login}, and bot: names {self.bot}; write bot: {login}")

    def find(self, listed: str) -> Any:
        """Return the oldest one of a list that is the bot's own, `None` where there is none."""
        own = [one for one in self.github.pages(listed) if self.is_own(one)]
        return min(own, key=lambda one: int(one["id"]), default=None)

    def made(self, listed: str, make: Callable[[], Any], undo: Callable[[Any], Any]) -> None:
        """Make it; where nothing says whether it was made, look before it is tried again.

        Errors: `Trouble` where it shows that another account wrote it than `bot` names; it is undone.
        """
        for number in range(3):
            try:
                one = make()
            except Unclear:
                if number == 2:
                    raise
                if self.find(listed) is None:
                    continue
                return
            if not self.is_own(one):
                why = self.mismatch(one["user"] or {})
                try:
                    undo(one)
                except Trouble as error:
                    raise Trouble(f"{why}. What it wrote is still there: {error}") from error
                raise why
            return

    def body(self, report: str, footer: str) -> str:
        """Return the text, within what GitHub allows."""
        text = report if report.startswith(self.mark) else f"{self.mark}\n{report}"
        return f"{text[: LONGEST_BODY - len(footer) - 2]}\n\n{footer}"


def validate(step: Step) -> int:
    """Check the files, and say why nothing more is done."""
    step.say(step.inputs["WHY"])
    return step.reconciler("validate")


def check(step: Step) -> int:
    """Check a contact file against what is declared; the summary says what was found. Errors: `Trouble`."""
    file, key = step.inputs["CONTACTS"], step.inputs["FOR"]
    if not file or not key:
        raise Trouble("check needs contacts: with the path of a file, and for: with a key")
    reports = [f"--report={form}={step.folder / f'check.{end}'}" for form, end in FORMS.items()]
    how = (f"--for={key}", f"--allow-refused={step.inputs['ALLOW_REFUSED']}", *reports)
    return step.reconciler("check", *how, "--", file)


def plan(step: Step) -> int:
    """Plan a pull request and show the plan in its one comment about the target."""
    code = step.planned(*since(step.inputs["SINCE"]))
    pull = step.event.get("pull_request")
    return told(code, lambda: comment(step, pull, code)) if pull else code


def since(ref: str) -> list[str]:
    """Return the option for a commit by its whole name, for a tag may be called like a part; else nothing."""
    if not ref:
        return []
    found = git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    return ["--since", found[-1] if found else ref]


def comment(step: Step, pull: Mapping[str, Any], code: int) -> None:
    """Write the comment, or bring it up to date. Errors: `Trouble`."""
    github, head = GitHub.of_this_job(), pull["head"]["sha"]
    if github.get(f"pulls/{int(pull['number'])}")["head"]["sha"] != head:
        step.say("The pull request has moved on, so its comment is left to the run of its newest commit.")
        return
    note = Note.of(github, marker("plan", step.target), step.inputs["BOT"])
    address = step.run_address
    footer = (
        f"<sub>Head {head}, planned as merged. [Its run]({address}) has a page to filter and search.</sub>"
    )
    listed, body = f"issues/{int(pull['number'])}/comments", {"body": note.body(step.report(code), footer)}
    own = note.find(listed)
    if own is None:
        note.made(
            listed,
            lambda: github.post(listed, body),
            lambda one: github.delete(f"issues/comments/{int(one['id'])}"),
        )
    else:
        github.patch(f"issues/comments/{int(own['id'])}", body)


def drift(step: Step) -> int:
    """Plan, and keep the one issue about the target open as long as something is pending."""
    code = step.planned("--detailed-exitcode")
    if code in (DONE, PENDING) or (code == REFUSED and (step.folder / "plan.json").exists()):
        return told(DONE if code == PENDING else code, lambda: file_issue(step, code))
    step.say(f"Whether {step.target} has drifted is not known: exit code {code}. Its issue stays as it is.")
    return code


def file_issue(step: Step, code: int) -> None:
    """Open, update or close the issue. Errors: `Trouble`."""
    github = GitHub.of_this_job()
    note, listed = Note.of(github, marker("drift", step.target), step.inputs["BOT"]), "issues?state=open"
    own = note.find(listed)
    footer = f"<sub>As of commit {step.environ['GITHUB_SHA']}, seen by [this run]({step.run_address}).</sub>"
    text = {"title": f"Drift on {harmless(step.target)}"[:200], "body": note.body(step.report(code), footer)}
    if own is not None and code == DONE:
        github.post(f"issues/{int(own['number'])}/comments", {"body": f"As declared again. {footer}"})
        github.patch(f"issues/{int(own['number'])}", {"state": "closed", "state_reason": "completed"})
    elif own is not None:
        github.patch(f"issues/{int(own['number'])}", text)
    elif code != DONE:
        closed = {"state": "closed", "state_reason": "not_planned"}
        note.made(
            listed,
            lambda: github.post("issues", text),
            lambda one: github.patch(f"issues/{int(one['number'])}", closed),
        )


def apply(step: Step) -> int:
    """Carry out what was reviewed: of the pull requests of a push, or what a person names by fingerprints."""
    if "after" in step.event:
        return apply_push(step)
    named = step.inputs["REVIEWED"].strip()
    return carry_out(step, f"--reviewed={named}") if named else show_only(step)


def apply_push(step: Step) -> int:
    """Carry out what was reviewed in the pull requests that a push brings. Errors: `Trouble`."""
    push = Push(step.environ["GITHUB_REF_NAME"], str(step.event["before"]), str(step.event["after"]))
    search = Search(GitHub.of_this_job(), step.target, step.inputs["PLAN_WORKFLOW"], step.folder)
    sources = search.sources(push)
    step.say(*(source_text(source) for source in sources))
    if step.inputs["DIRECT_PUSH"] == "apply" and any(not source.number for source in sources):
        step.say("Commits came by no pull request, and direct_push: apply carries out all that is pending.")
        return carry_out(step, "--yes")
    files = [str(source.plan) for source in sources if source.plan]
    return carry_out(step, *files) if files else show_only(step)


def source_text(source: Source) -> str:
    """Return where commits came from and what was found of it, as a sentence."""
    what = f"Pull request #{source.number} (head {source.commit[:12]})" if source.number else ""
    what = what or f"Commit {source.commit[:12]}"
    if source.plan:
        return f"{what}: what the plan of run {source.run} holds was reviewed."
    return f"{what}: nothing of it counts as reviewed, for {source.why_not}."


def carry_out(step: Step, *how: str) -> int:
    """Apply, and say how to go on where something was left alone."""
    reports = ("--report", f"markdown={step.markdown}", "--report", f"html={step.folder / 'plan.html'}")
    code = step.reconciler("apply", *how, "--lock-timeout", "5m", *reports)
    if code == STALE:
        step.say(HOW_TO_GO_ON)
    elif code == REFUSED and not step.markdown.exists():  # before there was anything to report
        step.say(f"Exit {code}: nothing was carried out, for a plan was refused. The log says why.")
    return code


def show_only(step: Step) -> int:
    """Plan, and carry out nothing, for nothing was reviewed: 5 where something is pending."""
    code, file = step.planned("--detailed-exitcode"), step.folder / "plan.json"
    if code not in (PENDING, REFUSED) or not file.exists():
        return code
    ends, fingerprint = STALE if code == PENDING else code, json.loads(file.read_text("utf-8"))["fingerprint"]
    why = f"Exit {ends}: nothing was carried out, because it has not been reviewed."
    step.say(f"{why} Its fingerprint is {fingerprint}.", HOW_TO_GO_ON)
    return ends


def told(code: int, tell: Callable[[], None]) -> int:
    """Tell GitHub and return the exit code: that there is trouble with it hides nothing graver."""
    try:
        tell()
    except Trouble as error:
        print(f"::error::{harmless(str(error))}")
        return code or ERROR
    return code


COMMANDS: Mapping[str, Callable[[Step], int]] = {
    "validate": validate,
    "check": check,
    "plan": plan,
    "apply": apply,
    "drift": drift,
}


def main(arguments: Sequence[str]) -> int:
    """Do one step."""
    step = Step.of_this_job()
    step.add("GITHUB_OUTPUT", f"artifact={artifact_name(step.target)}\n")
    try:
        return COMMANDS[arguments[0]](step)
    except Trouble as error:
        print(f"::error::{harmless(str(error))}")
        return ERROR


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
