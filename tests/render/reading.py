"""Markdown as GitHub reads it, and what must hold of a report that is read so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = (
    *("`", "``` x", "a `b` ``c``", " `", "|", "<!--", "-->", "</details>", "</code>", "&lt;", "\\"),
    *("\\`", "* a", "@org/team", "#123", "GH-1", "owner/repo#1", "https://evil.example"),
    *("www.evil.example", "a@b.example", "![x](https://evil.example/x.png)"),
    *("[x]: https://evil.example", "[x][y]", "<https://evil.example>", "<img src=x onerror=alert(1)>"),
    *("1. one", "# title", "> quote", "---", "===", "~~~", "    indented", ":tada:", "fixes #1"),
    *("a  b", " ", "", "$x$", "**bold**", "_x_", "deadbeef1", "1234567", "[ ] todo", "\ta", "a\u00a0b"),
)
"""What means something to Markdown, or to GitHub."""

_PARSER = MarkdownIt("gfm-like")
_TEXT = "(?:[^<>]|&[a-z]+;)*"
_TAGS = f"{_TEXT}(?:<(code|b)>{_TEXT}</\\1>{_TEXT})*"
_HTML = re.compile(
    rf"<details( open)?><summary>{_TAGS.replace(chr(92) + '1', chr(92) + '2')}</summary>"
    r"|</details>|<!-- reconciler:(plan|apply) target=[\w.~%-]* -->"
)
_BLOCKS = {"paragraph", "heading", "bullet_list", "list_item", "blockquote", "fence", "html_block", "inline"}
_SPANS = {"text", "softbreak", "hardbreak", "code_inline", "strong_open", "strong_close"}
# What GitHub makes a link of in plain text, or a picture.
_MEANT = re.compile(r"@\w|#\d|\bGH-\d|://|www\.|\w@\w|:\w+:|\b[0-9a-f]{7,40}\b(?<=\d)")


def tokens(text: str) -> list[Token]:
    return _PARSER.parse(text)


def spans(text: str) -> Iterator[Token]:
    """Yield everything inside of lines."""
    for token in tokens(text):
        yield from token.children or ()


def code_of(text: str) -> list[str]:
    """Return what stands as code, in spans and in blocks."""
    return [
        token.content for token in [*tokens(text), *spans(text)] if token.type in ("code_inline", "fence")
    ]


def assert_inert(text: str) -> None:
    """Nothing in it is a link, an image, a mention, a reference or HTML, but for the few tags of ours."""
    for token in tokens(text):
        assert re.sub("_(open|close)$", "", token.type) in _BLOCKS, token
        if token.type == "html_block":
            assert _HTML.fullmatch(token.content.strip()), token.content
    for span in spans(text):
        assert span.type in _SPANS, span
        if span.type == "text":
            assert not _MEANT.search(span.content), span.content
    assert text.count("<details") == sum(token.content.startswith("<details") for token in tokens(text))
