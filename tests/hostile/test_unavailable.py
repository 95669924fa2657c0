"""An account without an allowance is asked once, by whatever part of a run: counted at a real server."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.hostile.children import assert_refused, reconciler
from tests.hostile.workspaces import write
from tests.http.servers import serving

KEYS = {"KEY": "k-0123456789", "MASTER": "m-0123456789", "OTHER": "m-9876543210"}
CONFIG = {"a.yaml": "import_configs: {m: {name: M}}"}


def test_targets_on_one_account_share_its_end_and_another_account_is_asked_for_itself(tmp_path: Path) -> None:
    def refuse(connection: socket.socket) -> None:
        head = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 40000\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head)

    with serving(refuse) as server:
        account = f'{{checkmarket: {{url: "{server.url}", master_key: {{env: %s}}, key: {{env: KEY}}}}}}'
        accounts = {"one": account % "MASTER", "same": account % "MASTER", "other": account % "OTHER"}
        targets = "".join(f"  {name}: {text}\n" for name, text in accounts.items())
        write(tmp_path, CONFIG, f"version: 1\ntargets:\n{targets}")
        ended = reconciler(tmp_path, "plan", "--all-targets", environ=KEYS)
        assert_refused(ended, "not sent, because the account was given up after GET /3/", exit=7)
        assert server.requests == 2
