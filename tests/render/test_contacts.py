"""What a check of a contact file has found: the page in a real browser, and Markdown, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from reconciler.contacts.model import Checked, ImportRules, RowResult
from reconciler.problems import Place, Problem
from reconciler.render.contacts import contacts_html, contacts_markdown, contacts_text
from reconciler.render.github import Links
from reconciler.render.markdown import COMMENT
from tests.hostile.fuzzing import HARMFUL
from tests.render.browsing import Reader
from tests.render.reading import MARKDOWN
from tests.render.test_html import ATTACKS, FOREIGN


def checked(texts: Sequence[str]) -> Checked:
    """A check in which each text stands wherever one from outside may."""
    problems = [Problem("other", Place(text, 2, 1), "k", text, text) for text in texts for _ in range(12)]
    results = [RowResult("R0308", 1, text, 2, [2, 3], [text]) for text in texts]
    rules = ImportRules("import_configs.k", "sandbox", dict(enumerate(texts)), field_delimiter=texts[0])
    return Checked(texts[0], rules, texts[-1], 3, 2, problems, results, texts)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1100), ("dark", 360)])
def test_the_page_can_be_read_by_everybody_and_asks_for_nothing(
    scheme: str, width: int, browser: Browser, tmp_path: Path
) -> None:
    page = contacts_html(checked([*ATTACKS, *MARKDOWN, *HARMFUL]), Links(), [("by", "x")])
    viewport = {"width": width, "height": 800}
    reader = Reader.opening(browser, page, tmp_path, color_scheme=scheme, viewport=viewport)
    assert reader.complaints == []
    assert reader.trouble == []
    assert reader.requests == [reader.path.as_uri()]
    assert reader.page.locator(f"script, {FOREIGN}").count() == 0
    assert reader.page.inner_text(".alert").startswith(
        "Exit 3: the file does not fit the configuration; rows"
    )
    assert "more of other" in reader.page.inner_text("main")
    assert reader.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    reader.page.close()


def test_a_comment_holds_what_fits_and_counts_the_rest() -> None:
    text = contacts_markdown(checked([f"{number} {'long ' * 100}" for number in range(300)]))
    assert COMMENT.size(text) <= COMMENT.most
    assert "left out here" in text
    assert text.startswith("<!-- reconciler:check target=sandbox -->\n\n### Check of ")


@pytest.mark.parametrize("text", [*ATTACKS, *MARKDOWN, *HARMFUL, "\x1b[31m", "::error::x", "##[group]"])
def test_no_text_from_outside_steers_a_terminal_or_a_runner(text: str) -> None:
    for told in (contacts_text(checked([text])), contacts_markdown(checked([text]))):
        assert "\x1b" not in told
        assert not any(line.lstrip().startswith("::") or "##[" in line for line in told.splitlines())
