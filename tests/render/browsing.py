"""Reports in a real browser: the installed Chromium, driven without any network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from reconciler.render.github import Links
from reconciler.render.html import html
from reconciler.render.report import Reported

# Without a sandbox of its own, which root cannot have; with nothing that would call home.
ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser; tests that need one are skipped where none is installed, but for CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("needs Chromium: install Debian's chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield opened
        opened.close()


@dataclass
class Reader:
    """A person who opens a report, and everything that went wrong meanwhile."""

    page: Page
    path: Path
    trouble: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        browser: Browser,
        told: Sequence[Reported],
        folder: Path,
        links: Links | None = None,
        **context: Any,
    ) -> Reader:
        """Write the report and open it."""
        return cls.opening(browser, html(told, links or Links()), folder, **context)

    @classmethod
    def opening(cls, browser: Browser, text: str, folder: Path, **context: Any) -> Reader:
        """Write a page and open it."""
        path = folder / "report.html"
        path.write_text(text, "utf-8")
        reader = cls(browser.new_page(**context), path)
        reader.page.on("console", lambda message: reader.trouble.append(message.text))
        reader.page.on("pageerror", lambda error: reader.trouble.append(str(error)))
        reader.page.on("dialog", lambda dialog: reader.trouble.append(dialog.message))
        reader.page.on("request", lambda request: reader.requests.append(request.url))
        reader.page.goto(path.as_uri())
        return reader

    @property
    def shown(self) -> list[str]:
        """The keys of the cards that can be seen."""
        return self.page.locator(".card:visible .key").all_text_contents()

    @property
    def complaints(self) -> list[str]:
        """What an accessibility checker finds that is serious."""
        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {node['html']}"
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"]
        ]
