"""What the operator of a run lets it reach: hosts, variables and files.

Only variables of the environment say it, which no file of a workspace and no pull request can change.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

TRUSTED_HOSTS: Final = "RECONCILER_TRUSTED_HOSTS"
ALLOWED_ENV: Final = "RECONCILER_ALLOWED_ENV"
SECRETS_DIR: Final = "RECONCILER_SECRETS_DIR"
MOUNTED_SECRETS: Final = Path("/run/secrets")
"""Where Docker and Podman mount secrets: files directly in it, for folders in it are of other systems."""
HTTPS: Final = 443  # the port that a host without one is trusted at

VARIABLES: Final[Mapping[str, str]] = {
    TRUSTED_HOSTS: "Further hosts that credentials may go to, with their port unless it is 443: "
    "api.example.com, *.example.com.",
    ALLOWED_ENV: "The variables that {env: NAME} may name, patterns like CHECKMARKET_* too; every one but "
    "those of other systems if not set.",
    SECRETS_DIR: f"The folder of the files that {{file: PATH}} may name; {MOUNTED_SECRETS} is another.",
    "RECONCILER_JOURNAL": "The address of the journal, where journal: {env: RECONCILER_JOURNAL} names it.",
    "RECONCILER_SANDBOX_VARIANTS": "How unknowns of the APIs behave in the embedded sandbox: NAME=VALUE …",
    "RECONCILER_SANDBOX_FAULTS": "What goes wrong in the embedded sandbox: PUT:2:after:drop; …",
    "RECONCILER_CRASH_AT": "Ends the process at a point like request:17:before, to test recovery.",
    "RECONCILER_DEBUG": "Shows where an error happened that is a bug of this tool.",
    "CI": "true: nothing is asked, the target must be named, and this machine is not trusted by itself.",
    "NO_COLOR": "No color, whatever its value is; TERM=dumb does the same.",
}
"""Variables that no option has, and what they do."""

_SEPARATOR = re.compile(r"[,\s]+")
_HOST = re.compile(
    r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<bare>[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*)"
    r"|(?P<name>(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)\.?)(?::(?P<port>[0-9]{1,5}))?"
)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\*?")

# Whose → the names of their variables. They were not set for this tool, so no file may have one of them sent.
_FOREIGN: Final[Mapping[str, str]] = {
    "the CI system": """ACTIONS_* AGENT_* BITBUCKET_* BUILDKITE_* CI CI_* CIRCLE_* CIRCLECI DRONE_* GH_*
        GITEA_* GITHUB_* GITLAB_* INPUT_* JENKINS_* RUNNER_* SYSTEM_* TRAVIS_*""",
    "a cloud or cluster": """ARM_* AWS_* AZURE_* CLOUDSDK_* DIGITALOCEAN_* ECS_* GCLOUD_* GCP_* GOOGLE_*
        IDENTITY_* KUBE* MSI_* VAULT_*""",
    "a database": "MYSQL_* PG* REDIS_*",
    "another tool": """ANSIBLE_* ANTHROPIC_* CARGO_* CODECOV_* DOCKER_* GIT_* GPG_* HOMEBREW_* NODE_* NPM_*
        OPENAI_* PIP_* POETRY_* PYPI_* PYTHON* SENTRY_* SLACK_* SONAR_* SSH_* SUDO_* TF_* TWINE_* UV_*""",
    "this machine and its shell": """ALL_PROXY BASH* DBUS_* DISPLAY DYLD_* EDITOR FTP_PROXY HOME HOST HOSTNAME
        HTTPS_PROXY HTTP_PROXY LANG LC_* LD_* LOGNAME MAIL NO_PROXY OLDPWD PATH PS1 PWD SHELL SHLVL SSL_*
        TEMP TERM TERM_* TMP TMPDIR TZ USER USERNAME VIRTUAL_ENV XDG_*""",
    "reconciler itself": "RECONCILER_*",
}
_JOURNAL_VARIABLES: Final = ("RECONCILER_JOURNAL", "RECONCILER_JOURNAL_*")


class Access(Struct, frozen=True):
    """What one environment allows."""

    trusted_hosts: tuple[str, ...] = ()  # names, `*.` patterns, addresses, each with a port unless it is 443
    allowed_env: tuple[str, ...] = ()
    """Names and `PREFIX_*` patterns of variables that files may name; empty is all but those of others."""
    secrets_dir: str = ""
    in_ci: bool = False
    trusts_loopback: bool = True  # whether this machine is trusted at every port, with no host named

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Access:
        """Return what these variables say."""
        # Azure Pipelines sets a variable of its own.
        in_ci = any(environ.get(name, "").lower() in ("true", "1") for name in ("CI", "TF_BUILD"))
        return cls(
            tuple(filter(None, _SEPARATOR.split(environ.get(TRUSTED_HOSTS, "").lower()))),
            tuple(filter(None, _SEPARATOR.split(environ.get(ALLOWED_ENV, "")))),
            environ.get(SECRETS_DIR, ""),
            in_ci=in_ci,
            trusts_loopback=not in_ci,
        )

    def trusts(self, host: str, port: int) -> bool:
        """Tell whether the operator trusts a host at a port: it is named with it, or is this machine."""
        if self.trusts_loopback and is_loopback(host):
            return True
        return any(
            int(found["port"] or HTTPS) == port
            and matches(host, [found["address"] or found["bare"] or found["name"]])
            for found in map(_HOST.fullmatch, self.trusted_hosts)
            if found
        )

    def line_to_trust(self, host: str, port: int) -> str:
        """Return the command after which a host is trusted at a port, and those of now still are."""
        shown = f"[{host}]" if ":" in host else host
        entry = shown if port == HTTPS else f"{shown}:{port}"
        return f"export {TRUSTED_HOSTS}={','.join([*self.trusted_hosts, entry])}"

    def allows_variable(self, name: str, *, of_journal: bool = False) -> bool:
        """Tell whether the operator lets files name a variable; a journal's own ones always."""
        own = _JOURNAL_VARIABLES if of_journal else ()
        return not self.allowed_env or matches(name, (*self.allowed_env, *own))

    @property
    def needs_secrets_dir(self) -> bool:
        """Whether a file with a secret has to lie in a folder of the operator's."""
        return self.in_ci or bool(self.secrets_dir)

    def holds_file(self, file: Path) -> bool:
        """Tell whether a file, by its path without links, lies in a folder of the operator's."""
        if file.parent == MOUNTED_SECRETS.resolve():
            return True
        folder = Path(self.secrets_dir)
        return folder.is_absolute() and file.is_relative_to(folder.resolve())

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """Yield each entry without effect: its variable, what is wrong with it, and what to write instead."""
        for entry in self.trusted_hosts:
            found = _HOST.fullmatch(entry)
            if not found or int(found["port"] or HTTPS) not in range(1, 2**16):
                yield TRUSTED_HOSTS, f"{entry} is no host", "write names only, like api.example.com:8443"
        for pattern in self.allowed_env:
            if not _VARIABLE.fullmatch(pattern):
                yield ALLOWED_ENV, f"{pattern} is no name of a variable", "write NAME or PREFIX_*"
            elif whose := owner_of(pattern):
                yield ALLOWED_ENV, f"{pattern} stays refused: it belongs to {whose}", "take it out"
        if self.secrets_dir and not Path(self.secrets_dir).is_absolute():
            yield SECRETS_DIR, f"{self.secrets_dir} is no absolute path", "write it from /"
        elif self.secrets_dir and not Path(self.secrets_dir).is_dir():
            yield SECRETS_DIR, f"{self.secrets_dir} is no folder", "make it, or name another one"


def owner_of(variable: str, *, of_journal: bool = False) -> str:
    """Return whose variable this is; empty for one that may hold a credential of the tool's."""
    if of_journal and matches(variable, _JOURNAL_VARIABLES):
        return ""
    whose = (who for who, names in _FOREIGN.items() if matches(variable.upper(), names.split()))
    return next(whose, "")


def is_loopback(host: str) -> bool:
    """Tell whether a name or address means this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether one of these is the name: of hosts `*.` and what they lie below, of variables `PREFIX_*`.

    Hosts are compared as they are, so all have to be in lower case.
    """
    return any(
        name == pattern
        or (pattern.startswith("*.") and name.endswith(pattern[1:]))
        or (pattern.endswith("*") and name.startswith(pattern[:-1]))
        for pattern in patterns
    )
