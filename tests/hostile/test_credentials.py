"""No file of a workspace sends a value that was not set for this tool: seen from where it would go."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.access import Access
from reconciler.cli import main
from reconciler.commands.session import account_in_journal, account_name
from reconciler.config.settings import CheckMarket
from reconciler.errors import Refused
from reconciler.expoints.client import ClientLogin, open_expoints
from reconciler.http.api import Connection
from reconciler.http.messages import Secret
from tests.hostile.workspaces import write
from tests.http.servers import serving, whole_then_close

KEY = "k-of-the-operator-0123456789"
CONFIG = {"a.yaml": "import_configs: {m: {name: M}}"}
FOREIGN = """
    GITHUB_TOKEN ACTIONS_ID_TOKEN_REQUEST_TOKEN RUNNER_TOKEN INPUT_TOKEN CI_JOB_TOKEN AWS_SECRET_ACCESS_KEY
    AZURE_CLIENT_SECRET GOOGLE_APPLICATION_CREDENTIALS GCP_KEY KUBECONFIG VAULT_TOKEN PGPASSWORD SSH_AUTH_SOCK
    NPM_TOKEN RECONCILER_JOURNAL RECONCILER_TRUSTED_HOSTS HOME PATH USER https_proxy CI
"""


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "RECONCILER_TRUSTED_HOSTS", "RECONCILER_ALLOWED_ENV", "RECONCILER_SECRETS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CHECKMARKET_KEY", KEY)


def settings(url: str, key: str) -> str:
    account = f"{{url: '{url}', master_key: {key}, key: {key}}}"
    return f"version: 1\ndefault_target: t\ntargets: {{t: {{checkmarket: {account}}}}}\n"


def run(folder: Path, verb: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return how a verb ended, and all that it said, which is no secret."""
    exit = main([verb, "--workspace", str(folder)])
    printed = capsys.readouterr()
    text = " ".join((printed.out + printed.err).split())
    assert KEY not in text
    assert "this is a bug" not in text
    return exit, text


def test_a_variable_of_another_system_is_refused_in_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "".join(
        f"  t{n}: {{checkmarket: {{url: 'sandbox:', key: {{env: {name}}}}}}}\n"
        for n, name in enumerate(FOREIGN.split())
    )
    write(tmp_path, {}, f"version: 1\ntargets:\n{lines}")
    exit, text = run(tmp_path, "validate", capsys)
    assert exit == 1
    for line, name in enumerate(FOREIGN.split(), start=3):
        assert f"reconciler.yaml:{line}:" in text
        assert f"{name} belongs to" in text
    assert text.count("[foreign-variable]") == len(FOREIGN.split())
    assert "write {env: CHECKMARKET_KEY}" in text


CHECKMARKET = """
    master_key: {env: EXPOINTS_TOKEN}
    key: {file: keys/Expoints.token}
"""
OAUTH = "oauth: {token_url: 'https://a'"
EXPOINTS = f"""
    token: {{env: CHECKMARKET_KEY}}
    token: {{file: /run/secrets/checkmarket_key}}
    token: {{file: /secrets/expoints/prod-checkmarket-key}}
    {OAUTH}, client_id: x, client_secret: {{env: CHECKMARKET_KEY}}}}
    {OAUTH}, client_id: {{env: CHECKMARKET_KEY}}, client_secret: {{env: S}}}}
"""
TAKEN = """
    token: {env: EXPOINTS_BESIDE_CHECKMARKET}
    token: {file: ../checkmarket-and-more/expoints_token}
"""
"""What opens one API, and may not be named for the other; and what may be of an API by its name."""


@pytest.mark.parametrize(
    ("api", "fields", "is_taken"),
    [
        *(("checkmarket", line.strip(), False) for line in CHECKMARKET.strip().splitlines()),
        *(("expoints", line.strip(), False) for line in EXPOINTS.strip().splitlines()),
        *(("expoints", line.strip(), True) for line in TAKEN.strip().splitlines()),
    ],
)
def test_what_opens_one_api_is_not_named_for_the_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], api: str, fields: str, is_taken: bool
) -> None:
    write(tmp_path, {}, f"version: 1\ntargets:\n  t: {{{api}: {{url: 'sandbox:', {fields}}}}}\n")
    exit, text = run(tmp_path, "validate", capsys)
    assert (exit, "goes to no other API" in text) == ((0, False) if is_taken else (1, True))


KEY_HERE = "{env: CHECKMARKET_KEY}"
NOT_SENT = [
    ("{env: OTHER}", "RECONCILER_ALLOWED_ENV=CHECKMARKET_*", "RECONCILER_ALLOWED_ENV=CHECKMARKET_*,OTHER"),
    ("{env: TWO_LINES}", "", "holds more than one line"),
    (KEY_HERE, "CI=true", "export RECONCILER_TRUSTED_HOSTS=127.0.0.1:"),
    ("{file: key}", "CI=true;RECONCILER_TRUSTED_HOSTS=HERE", "export RECONCILER_SECRETS_DIR=FOLDER"),
    ("{file: ../ours/../configs/key}", "RECONCILER_SECRETS_DIR=OURS", "a folder of the operator's"),
    ("{file: ../ours/out}", "RECONCILER_SECRETS_DIR=OURS", "a folder of the operator's"),
    ("{file: key}", "RECONCILER_SECRETS_DIR=.", "a folder of the operator's"),
    ("{file: to-ours}", "RECONCILER_SECRETS_DIR=OURS", "is a link"),
    ("{file: sub/../.GIT/key}", "", "belongs to git"),
    ("{file: .own/in-git/key}", "", "belongs to git"),
    ("{file: .ssh/key}", "", "another program"),
    ("{file: /proc/self/environ}", "", "belongs to git, to another program or to the system"),
    ("{file: lines}", "", "holds more than one line"),
    ("{file: unseen}", "", "the file unseen holds the character U+FEFF, which cannot be seen"),
    (
        "{env: FOREIGN}",
        "",
        "the variable FOREIGN holds a character that is not ASCII, which no header can carry",
    ),
    ("{env: BLANK}", "", "the variable BLANK holds a blank at an end; it must hold the value alone"),
    ("{env: LONG}", "", "more than any key is long"),
    ("{file: long}", "", "more than any key is long"),
    ("{file: nowhere}", "", "No such file or directory; its path counts from the workspace"),
]
IN_CI = "CI=1;RECONCILER_TRUSTED_HOSTS=HERE"
SENT = [
    ("{env: ENDED}", "", ""),
    (KEY_HERE, "RECONCILER_ALLOWED_ENV=EXPOINTS_TOKEN CHECKMARKET_*", ""),
    (KEY_HERE, IN_CI, ""),
    ("{file: key}", "", ""),
    ("{file: ../ours/key}", f"{IN_CI};RECONCILER_SECRETS_DIR=OURS", ""),
    ("{file: ../ours/linked}", "RECONCILER_SECRETS_DIR=OURS", ""),
]


@pytest.mark.parametrize(("key", "environ", "refusal"), [*NOT_SENT, *SENT])
def test_what_the_operator_does_not_allow_is_not_sent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    key: str,
    environ: str,
    refusal: str,
) -> None:
    """What an operator gives arrives; of all else no request is sent at all."""
    folder, ours = tmp_path / "configs", tmp_path / "ours"
    for there in (".git/key", ".GIT/key", ".ssh/key", "key", "sub/key", "../ours/key", "../ours/..data/key"):
        (folder / there).parent.mkdir(parents=True, exist_ok=True)
        (folder / there).write_text(f"{KEY}\r\n")
    (folder / "unseen").write_text(f"\ufeff{KEY}\n", "utf-8")  # as an editor for Windows may save it
    (folder / "lines").write_text(f"{KEY}\n{KEY}\n")
    with (folder / "long").open("wb") as file:
        file.truncate(10**12)
    (folder / "to-ours").symlink_to(ours / "key")  # which may be called expoints_token
    (folder / ".own").mkdir()
    (folder / ".own/in-git").symlink_to("../.git")
    (ours / "out").symlink_to(folder / "key")
    (ours / "linked").symlink_to("..data/key")  # as Kubernetes lays out what it mounts
    given = {"OTHER": KEY, "TWO_LINES": f"{KEY}\n{KEY}", "ENDED": f"{KEY}\n", "BLANK": f"{KEY} "}
    for name, value in {**given, "FOREIGN": f"{KEY}é", "LONG": KEY * 1000}.items():
        monkeypatch.setenv(name, value)
    with serving(whole_then_close) as server:
        here = {"HERE": server.url.removeprefix("http://"), "OURS": str(ours)}
        for name, value in (one.split("=", 1) for one in environ.split(";") if one):
            monkeypatch.setenv(name, here.get(value, value))
        write(folder, CONFIG, settings(server.url, key))
        exit, text = run(folder, "plan", capsys)
        assert refusal in text
        assert exit in (1, 3)
        assert bool(server.requests) is not bool(refusal)
        _, examined = run(folder, "doctor", capsys)
        assert refusal in examined
        assert bool(server.requests) is not bool(refusal)


def test_the_client_secret_of_a_tenant_elsewhere_does_not_go_to_this_machine() -> None:
    login, elsewhere = ClientLogin("http://127.0.0.1:1/token", "id", Secret(KEY)), "https://acme.expoints.nl"
    with pytest.raises(Refused, match="this machine gets credentials only where it is named"):
        open_expoints(elsewhere, login, Connection()).__enter__()
    for tenant, named in ((elsewhere, ("127.0.0.1:1",)), ("http://127.0.0.1:2", ())):
        with open_expoints(tenant, login, Connection(access=Access(named))):
            pass


def names(variable: str, key: str, url: str = "https://api.checkmarket.com") -> tuple[str, str]:
    settings = CheckMarket.model_validate(
        {"url": url, "master_key": {"env": variable}, "key": {"env": "KEY"}}
    )
    return account_name("one", settings), account_in_journal("one", settings, key)


def test_no_name_of_an_account_that_is_shown_is_made_of_a_key() -> None:
    assert {names("MASTER_KEY", key)[0] for key in (KEY, KEY[::-1], "1234")} == {
        "api.checkmarket.com#MASTER_KEY"
    }
    # The journal tells accounts by their keys, whatever the files call them.
    assert names("ONE", KEY)[1] == names("TWO", KEY)[1] != names("ONE", KEY[::-1])[1]
    for shown, in_journal in (names("ONE", "1234"), names("ONE", KEY, "http://localhost:1")):
        assert in_journal == shown  # what could be guessed is not hashed
