"""Whatever a value holds: as code it is read back as it is, and a sentence stays a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given

from reconciler.render.markdown import code, element, fenced, prose
from reconciler.render.values import harmless
from tests.hostile.fuzzing import HARMFUL, harmful_text, share
from tests.hostile.looking import assert_harmless
from tests.render.reading import assert_inert, code_of, spans, tokens

MARKDOWN = (
    *(
        "`",
        "``` x",
        "a `b` ``c``",
        " `",
        "|",
        "<!--",
        "-->",
        "</details>",
        "</code>",
        "&lt;",
        "\\",
        "\\`",
        "* a",
    ),
    *("@org/team", "#123", "GH-1", "owner/repo#1", "https://evil.example", "www.evil.example", "a@b.example"),
    *("![x](https://evil.example/x.png)", "[x]: https://evil.example", "[x][y]", "<https://evil.example>"),
    *(
        "<img src=x onerror=alert(1)>",
        "1. one",
        "# title",
        "> quote",
        "---",
        "===",
        "~~~",
        "    indented",
        ":tada:",
    ),
    *(
        "fixes #1",
        "a  b",
        " ",
        "",
        "$x$",
        "**bold**",
        "_x_",
        "deadbeef1",
        "1234567",
        "[ ] todo",
        "\ta",
        "a\u00a0b",
    ),
)


@pytest.mark.parametrize("text", [*MARKDOWN, *HARMFUL])
def test_a_value_is_one_span_of_code(text: str) -> None:
    (span,) = spans(code(text))
    shown = harmless(text)
    assert (span.type, span.content) == ("code_inline", shown if shown.strip(" ") else "(empty)")


@given(harmful_text)
@share(5)
def test_any_value_is_one_span_of_code_wherever_it_stands(text: str) -> None:
    page = f"- key {code(text)}: {code(text)} → {prose(text)}"
    assert_inert(page)
    assert_harmless(page)
    shown = harmless(text)
    assert code_of(page)[:2] == [shown if shown.strip(" ") else "(empty)"] * 2


@pytest.mark.parametrize("text", [*MARKDOWN, *HARMFUL])
def test_a_sentence_holds_nothing_that_means_something(text: str) -> None:
    assert_inert(prose(f"it says {text} and stops"))
    assert_inert(prose(text))
    assert_inert(f"- {prose(text)}")


def test_plain_words_stay_words_and_the_rest_is_code() -> None:
    text = "3 fields would be reset (by policy): add a reset: list, or --allow-resets=3."
    assert prose(text) == "3 fields would be reset (by policy): add a reset: list, or `--allow-resets=3`."


def test_a_stop_stays_outside_of_code_and_days_and_times_are_words() -> None:
    assert prose("of import_configs.a, import_configs.b: 2026-12-15 08:30 (10:30 UTC)") == (
        "of `import_configs.a`, `import_configs.b`: 2026-12-15 08:30 (10:30 UTC)"
    )
    assert prose("with --allow-resets (limits.resets is 3, f(x) resets 4)") == (
        "with `--allow-resets` (`limits.resets` is 3, `f(x)` resets `4`)"
    )
    assert prose("(a.b) () (c.d), ) (") == "(`a.b`) `()` (`c.d`), `) (`"
    assert prose("a.. ;; ,. x_y:") == "`a.. ;; ,. x_y`:"


@given(harmful_text)
@share(5)
def test_a_block_ends_where_it_ends(text: str) -> None:
    page = f"before\n\n{fenced([text, f'+ {text}'], 'diff')}\n\nafter"
    (block,) = [token for token in tokens(page) if token.type == "fence"]
    assert block.content == f"{harmless(text)}\n{harmless(f'+ {text}')}\n"
    assert_inert(page)


@given(harmful_text)
@share(5)
def test_between_tags_it_stays_text(text: str) -> None:
    assert_inert(f"<details><summary>{element(text)}</summary>\n\nx\n\n</details>")
