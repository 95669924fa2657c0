"""`init --ci` writes the files by which a CI system plans and applies; `doctor --ci` looks at those there.

Asks no API, neither of an account nor of a CI system, and reads no secret.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import unified_diff
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from reconciler.access import Access, owner_of
from reconciler.commands.console import Console
from reconciler.commands.environment import Environment
from reconciler.commands.init import repository_around, write_new
from reconciler.commands.session import chosen_target
from reconciler.commands.workspace import Selection, open_workspace
from reconciler.config.discovery import content_of, shown
from reconciler.config.names import visible
from reconciler.config.settings import Target, needs_credentials, references_in
from reconciler.config.yaml import LARGEST_FILE, read
from reconciler.engine.kind import Json
from reconciler.errors import Exit, ReconcilerError, UsageError
from reconciler.expoints.client import token_hosts
from reconciler.git import find_repository, masked, without_settings
from reconciler.http.api import CHECKMARKET_HOSTS, EXPOINTS_HOSTS, trusted
from reconciler.render.ci import PASSED_ON, ci_files
from reconciler.render.listing import Check, doctor_document, doctor_text, exit_of, not_checkable, ok, problem
from reconciler.render.values import harmless

# CI system → what it is called, where its files are, and the command that lists secrets without their values.
_SYSTEMS: Mapping[str, tuple[str, Sequence[str], str]] = {
    "github": (
        "GitHub Actions",
        (".github/workflows/*.y*ml",),
        "gh secret list --env {0}-plan; gh secret list --env {0}",
    ),
    "gitlab": ("GitLab CI/CD", (".gitlab-ci.yml", ".gitlab/**/*.y*ml"), "glab variable list"),
    "azure": (
        "Azure Pipelines",
        ("azure-pipelines*.y*ml", ".azure/*.y*ml", ".azuredevops/*.y*ml", ".pipelines/*.y*ml"),
        "az pipelines variable-group list --group-name 'reconciler-{0}*'",
    ),
}
_FORM = "OWNER/REPOSITORY@COMMIT, or https://…@COMMIT, with all 40 digits of the commit"
_SOURCE = re.compile(r"((?:https://|file:///)?[\w.:/~-]+/[\w.~-]+)?(?:@([0-9a-f]{40}))?")
_REMOTE = re.compile(r"(?:https://|ssh://)?(?:[^@/]+@)?([\w.-]+\.[\w-]+)(?::22)?[:/](.+?)(?:\.git)?/?")
_PLAIN = re.compile(r"[\w./ -]+")  # what needs no quotes in any of the files
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # what a shell, too, takes for a name and nothing else
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*", re.MULTILINE)
_HOST = re.compile(r"[\w.:[\]-]+")
_CALL = re.compile(r"([^/]+/[^/]+)/\.github/workflows/reconcile-(plan|apply|drift)\.ya?ml@(.+)")


def init_ci(
    system: str,
    source: str,
    selection: Selection,
    console: Console,
    environment: Environment,
    *,
    may_ask: bool = True,
) -> Exit:
    """Write the files of a CI system for the targets of the workspace, and list what else it needs.

    `source` is the repository of the tool, and the commit to run; what it leaves out is that of this
    installation, or a person at a terminal is asked, if `may_ask`. A file that is there stays as it is, and
    the difference is shown. Errors: `UsageError` without a repository, a source or a commit, or for a name
    that means something in the files; then nothing is written.
    """
    facts, top = _facts(selection, environment)
    where, commit = _source(source, environment)
    if not (where and commit) and may_ask and console.stdin.isatty():
        where, commit = _source(console.ask(f"Where the tool comes from, {_FORM}:"), environment)
    if not (where and commit):
        raise UsageError(f"where this tool is from is not known: add --source {_FORM}")
    if system == "github":
        if not where.startswith("https://github.com/"):
            raise UsageError(
                f"GitHub calls workflows of its own alone, not of {where}: add --source OWNER/REPOSITORY"
            )
        where = where.removeprefix("https://github.com/")
    facts |= {"source": where, "commit": commit}
    files, steps = ci_files(system, facts)
    for name in files:
        real = (top / name).resolve()
        if not real.is_relative_to(top) or (real.exists() and not real.is_file()):
            raise UsageError(f"{name} leads out of the repository or is no file: move it away")
    left = [name for name in files if (top / name).exists()]
    written = write_new(top, {name: text for name, text in files.items() if name not in left})
    names = [shown(path, environment.folder) for path in written]
    lines = [f"For {_SYSTEMS[system][0]}, by {where} at {commit}:", *(f"  written: {name}" for name in names)]
    for name in left:
        if name == ".gitlab-ci.yml":
            continue  # the project's own, into which a line has to go
        before = (top / name).read_bytes().decode("utf-8", "replace").splitlines()
        diff = [*unified_diff(before, files[name].splitlines(), name, "as it would be written", lineterm="")]
        lines.append(f"  left as it is: {name}{', which differs:' if diff else ''}")
        lines += [f"    {harmless(line)}" for line in diff]
    lines += ["", "Still to do:", *(f"  {step}" for step in steps)]
    document = {"written": names, "left": left, "source": where, "commit": commit, "next": steps}
    console.result("\n".join(lines), document)
    return Exit.DONE


def _source(text: str, environment: Environment) -> tuple[str, str]:
    """Return where the tool comes from and at which commit; what `text` leaves out is as installed.

    Errors: `UsageError` for a text that is neither.
    """
    found = _SOURCE.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{masked(text)} is no source: write {_FORM}; names of branches and tags can move")
    where, commit = installed_from(environment)
    if named := (found[1] or "").removesuffix(".git"):
        where = named if "://" in named else f"https://github.com/{named}"
    return where, found[2] or commit


def installed_from(environment: Environment) -> tuple[str, str]:
    """Return the repository and commit that this tool was installed from, each empty if not known."""
    told: dict[str, Any] = {}
    with suppress(PackageNotFoundError):  # a checkout that is run as it is
        told = json.loads(distribution("survey-reconciler").read_text("direct_url.json") or "{}")
    address, commit = str(told.get("url", "")), str(told.get("vcs_info", {}).get("commit_id", ""))
    if address.startswith("file://") and not commit:
        folder, address = Path(unquote(urlsplit(address).path)), ""
        with suppress(ReconcilerError):
            found = find_repository(folder, environment.environ)
            with without_settings(found) as repository:
                commit = repository.commit("HEAD")
            address = found.settings_of_remotes().get("remote.origin.url", "")
    remote = _REMOTE.fullmatch(address)
    return f"https://{remote[1]}/{remote[2]}" if remote else "", commit


def _facts(selection: Selection, environment: Environment) -> tuple[dict[str, Any], Path]:
    """Return what CI has to know, under the names of the templates, and the top of the repository.

    It is for the selected target, else for those of real accounts, or all where there is none yet. Errors:
    `UsageError` where there is no repository, or a name means something in the files; `FilesInvalid`.
    """
    workspace = open_workspace(selection, environment)
    top = repository_around(workspace.folder)
    if top is None:
        place = shown(workspace.folder, environment.folder)
        raise UsageError(f"{place} is in no git repository, and CI runs in one: git init")
    branch = "main"
    with (
        suppress(ReconcilerError),
        without_settings(find_repository(workspace.folder, environment.environ)) as repository,
    ):
        refs = ("refs/remotes/origin/HEAD", "refs/heads/main", "refs/heads/master")
        found = repository.git("for-each-ref", "--format=%(symref)%(refname)", *refs).text.split()
        found = [ref.removesuffix(refs[0]) for ref in found]  # what that one leads to counts most
        here = repository.git("symbolic-ref", "--quiet", "HEAD").text
        branch = max(found, key=lambda ref: "/remotes/" in ref, default=here or branch)
    branch = branch.removeprefix("refs/remotes/origin/").removeprefix("refs/heads/")
    path = workspace.folder.resolve().relative_to(top).as_posix()
    there = [*workspace.targets.values()]
    apis = {target.name: (target.checkmarket, target.expoints) for target in there}
    real = [one for one in there if any(api and needs_credentials(api.url) for api in apis[one.name])]
    targets = [chosen_target(workspace, selection.target)] if selection.target else real or there
    secrets = {target.name: secrets_of(target) for target in targets}
    if both := [name for name in secrets if f"{name}-plan" in secrets]:
        raise UsageError(f"the plan of {both[0]} would have the keys of {both[0]}-plan: rename one of them")
    variables = [*dict.fromkeys(name for named in secrets.values() for name in named)]
    hosts = [*dict.fromkeys(host for target in targets for host in _untrusted(target))]
    for form, names in ((_PLAIN, (path, branch)), (_VARIABLE, variables), (_HOST, hosts)):
        if wrong := [name for name in names if not form.fullmatch(name)]:
            raise UsageError(
                f"{visible(wrong[0])} has signs that mean something in files of CI: letters and digits do not"
            )
    main = top / ".gitlab-ci.yml"
    facts = {
        "main_of_gitlab": _COMMENT.sub("", main.read_text("utf-8", "replace")) if main.is_file() else None,
        "workspace": path,
        "folder": "" if path == "." else f"{path}/",
        "branch": branch,
        "names": [*secrets],
        "targets": [
            {"name": name, "secrets": named, "allowed": [one for one in named if not owner_of(one)]}
            for name, named in secrets.items()
        ],
        "secrets": variables,
        "hosts": hosts,
        "journal_in_git": any(
            (one.journal.text or "").startswith("git+branch:") for one in targets if one.journal
        ),
        "no_journal": [one.name for one in targets if one.journal is None and secrets[one.name]],
    }
    return facts, top


def secrets_of(target: Target) -> Sequence[str]:
    """Return the variables that a target needs, each once; of a real one without a journal, that of one."""
    named = dict.fromkeys(one.env for one in references_in(target.settings) if one.env)
    return [*named, *(["RECONCILER_JOURNAL"] if named and target.journal is None else [])]


def _untrusted(target: Target) -> Iterator[str]:
    """Yield each host that gets credentials in CI only where the operator names it, with its port."""
    in_ci = Access(in_ci=True, trusts_loopback=False)
    hosts: list[tuple[str, tuple[str, ...], Access]] = []
    if target.checkmarket:
        hosts.append((target.checkmarket.url, CHECKMARKET_HOSTS, in_ci))
    if tenant := target.expoints:
        hosts.append((tenant.url, EXPOINTS_HOSTS, in_ci))
        if tenant.oauth:
            hosts.append((tenant.oauth.token_url, *token_hosts(tenant.url, in_ci)))
    for url, known, access in hosts:
        try:
            trusted(url, known, access)
        except ReconcilerError:
            yield from filter(None, [urlsplit(url).netloc])  # the embedded sandbox has none


class Caller(Struct, frozen=True):
    """A job of a CI system that runs this tool."""

    file: str
    verb: str  # plan, apply or drift
    targets: frozenset[str]
    source: str
    commit: str
    workspace: str
    passed_on: frozenset[str]  # the variables that it hands over
    journal_in_git: bool = True  # whether git can reach a branch with the journal


def doctor_ci(selection: Selection, console: Console, environment: Environment) -> Exit:
    """Look at the files of CI systems in the checkout, and print what they lack for the workspace.

    Errors: `UsageError` where the workspace is in no repository; `FilesInvalid`.
    """
    facts, top = _facts(selection, environment)
    found = {system: [*callers_in(top, system)] for system in _SYSTEMS}
    parts = [
        (_SYSTEMS[system][0], [*_checks(system, callers, facts, environment)])
        for system, callers in found.items()
        if callers
    ]
    if not parts:
        mend = f"reconciler init --ci {'|'.join(_SYSTEMS)} writes them"
        parts = [("CI", [problem("callers", "no file of a CI system here runs this tool", mend)])]
    console.result(doctor_text(parts, console.paint), doctor_document(parts), has_summary=True)
    return exit_of(parts)


def callers_in(top: Path, system: str) -> Iterator[Caller]:
    """Yield what runs this tool in a repository, by the files of one CI system."""
    for path in sorted({path for place in _SYSTEMS[system][1] for path in top.glob(place)}):
        file, content = path.relative_to(top).as_posix(), b""
        with suppress(OSError):
            content = content_of(path, LARGEST_FILE + 1)
        jobs = [*_mappings(read(content, file).top.value)]
        pin = next((one for one in jobs if "RECONCILER_COMMIT" in one), {})
        source, commit, folder = (
            str(pin.get(f"RECONCILER_{name}", "")) for name in ("SOURCE", "COMMIT", "WORKSPACE")
        )
        for job in jobs:
            call, given, secrets = _CALL.fullmatch(str(job.get("uses"))), job.get("with"), job.get("secrets")
            if system == "github" and call and isinstance(given, dict):
                targets: Json = []
                with suppress(ValueError, RecursionError):
                    targets = json.loads(str(given.get("targets")))
                yield Caller(
                    file,
                    call[2],
                    frozenset(map(str, targets if isinstance(targets, list) else ())),
                    *(f"https://github.com/{call[1]}", call[3], str(given.get("workspace", "configs"))),
                    frozenset(
                        PASSED_ON if secrets == "inherit" else secrets if isinstance(secrets, dict) else ()
                    ),
                    given.get("journal_in_git") is True,
                )
            elif system != "github" and "RECONCILER_TARGET" in job:
                # On Azure a step has the secrets that it names; on GitLab it has all, and may read these.
                allowed = str(job.get("RECONCILER_ALLOWED_ENV")).split(",")
                target, verb = frozenset([str(job["RECONCILER_TARGET"])]), str(job.get("RECONCILER_VERB"))
                handed = frozenset(job if system == "azure" else allowed)
                yield Caller(file, verb, target, source, commit, folder, handed)


def _mappings(value: Json) -> Iterator[dict[str, Json]]:
    """Yield every mapping in a value, however deep."""
    if isinstance(value, dict):
        yield value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inside:
        yield from _mappings(one)


def _checks(
    system: str, callers: Sequence[Caller], facts: Mapping[str, Any], environment: Environment
) -> Iterator[Check]:
    """Yield how the files of one CI system stand."""
    title, _, listing = _SYSTEMS[system]
    again = f"reconciler init --ci {system} writes a file that is not there, and shows how others differ"
    for verb in ("plan", "apply", "drift"):
        files = ", ".join(sorted({one.file for one in callers if one.verb == verb}))
        there = {name for one in callers if one.verb == verb for name in one.targets}
        if lacking := [name for name in facts["names"] if name not in there]:
            yield problem(verb, f"missing for {', '.join(lacking)}{files and f' in {files}'}", again)
        else:
            yield ok(verb, f"{', '.join(sorted(there))}, by {files}")
    included = ".gitlab/reconciler.yml"
    if included in {one.file for one in callers} and included not in (facts["main_of_gitlab"] or ""):
        mend = f"add {{local: {included}}} to its include:"
        yield problem("include", f".gitlab-ci.yml does not include {included}", mend)
    yield from _pins(callers, *installed_from(environment))
    if wrong := sorted({one.file for one in callers if one.workspace != facts["workspace"]}):
        yield problem("workspace", f"it is {facts['workspace']}, and not so in {', '.join(wrong)}", again)
    for target in facts["targets"]:
        here = [one for one in callers if target["name"] in one.targets]
        # What is of the tool itself it reads on GitLab unasked.
        without = {
            name: one.file
            for name in target["secrets"]
            for one in here
            if name not in one.passed_on and not (system == "gitlab" and owner_of(name))
        }
        subject, needed = f"secrets of {target['name']}", ", ".join(target["secrets"])
        if without:
            mend = f"write one of {', '.join(PASSED_ON)} in its place" if system == "github" else again
            where = ", ".join(sorted({*without.values()}))
            yield problem(subject, f"not handed over: {', '.join(without)}, as by {where}", mend)
        elif needed and here:
            text = f"handed over: {needed}; whether they have a value {title} alone knows"
            yield not_checkable(subject, text, listing.format(target["name"]))
    if facts["no_journal"]:
        text = f"{', '.join(facts['no_journal'])}: a file is gone after each job, and seeds are not sent"
        yield problem(
            "journal",
            text,
            "add journal: {env: RECONCILER_JOURNAL} to the target, or journal: git+branch:NAME",
        )
    elif facts["journal_in_git"] and not all(one.journal_in_git for one in callers):
        yield problem("journal", "git cannot reach its branch", "write journal_in_git: true in each with:")


def _pins(callers: Sequence[Caller], source: str, installed: str) -> Iterator[Check]:
    """Yield how what the callers run compares to what is installed here."""
    for where, commit in sorted({(one.source, one.commit) for one in callers}):
        files = ", ".join(
            sorted({one.file for one in callers if (one.source, one.commit) == (where, commit)})
        )
        if not re.fullmatch("[0-9a-f]{40}", commit):
            mend = f"write all 40 digits of a commit in {files}{installed and f': {installed}'}"
            yield problem("pin", f"{where} at {commit} can move", mend)
        elif not installed:
            yield not_checkable("pin", f"{where} at {commit}; what is installed here is not known")
        elif installed == commit:
            yield ok("pin", f"{where} at {commit}")
        else:
            text = f"{where} at {commit}; installed here is {source and f'{source} at '}{installed}"
            yield problem("pin", text, f"write {installed} in {files}, or install that one here")
