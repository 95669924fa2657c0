"""The HTML report, in a real browser: what it says, how it is filtered and read, and what it never does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, expect

from reconciler.render.github import Links
from reconciler.render.html import WHOLE, html
from reconciler.render.report import Reported, Stopped
from reconciler.render.values import harmless
from tests.engine.toys import live
from tests.hostile.fuzzing import HARMFUL
from tests.render.browsing import Reader
from tests.render.plans import ADDRESS, applied, change, in_trouble, planned, stopped
from tests.render.reading import MARKDOWN

FOREIGN = (
    "img, svg:not(.when), form, base, iframe, object, template, plaintext, a[href^=javascript], body > style"
)
Open = Callable[..., Reader]
ATTACKS = (
    *("<script>alert(1)</script>", "</script><script>alert(1)</script>", '"><img src=x onerror=alert(1)>'),
    *("' onmouseover='alert(1)", "</style><style>*{display:none}</style>", "<!--", "]]>", "{{ 7*7 }}"),
    *("{% raw %}", "<svg onload=alert(1)>", "<base href=https://evil.example>", "javascript:alert(1)"),
    *("<meta http-equiv=refresh content=0>", "&#60;b&#62;", "</details></main>", "<template>"),
    *("<plaintext>", "<form action=x>"),
)
REST = "rest: Robot [Robot, inferred]"
SEARCHED_AT_ONCE = """words => {
    const text = document.getElementById("by-text");
    text.value = words;
    document.getElementById("by-class").dispatchEvent(new Event("change"));
    return new Promise(done => requestAnimationFrame(() => done(
        [...document.querySelectorAll(".card:not([hidden]) .key")].map(key => key.textContent))));
}"""


def plain(text: str) -> str:
    """Return text with each stretch of blanks as one, as a browser shows it."""
    return re.sub(r"\s+", " ", text).strip()


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    """Opens reports; none may have complained, or asked for anything but itself."""
    readers: list[Reader] = []

    def open(*told: Reported, **settings: str) -> Reader:
        readers.append(Reader.of(browser, told, tmp_path, **settings))  # type: ignore[arg-type]  # its context
        return readers[-1]

    yield open
    for reader in readers:
        assert reader.trouble == []
        assert set(reader.requests) == {reader.path.as_uri()}
        reader.page.close()


def test_the_figures_stand_on_top_and_what_needs_an_eye_comes_first(opened: Open) -> None:
    page = opened(planned()).page
    figures = page.locator(".figures li").all_inner_texts()
    assert [plain(text) for text in figures] == [
        *("0 to create", "2 to update", "2 fields reset", "0 to delete", "1 blocked", "0 unchanged"),
        *("2 customers to send", "2 reach people anew or sooner"),
    ]
    order = (
        *(
            "guardrails allow more",
            "exit 3",
            "people:",
            "limits:",
            "blocked 1",
            "caused by",
            "pending or drifted",
        ),
        *("seeds", "unmanaged"),
    )
    text = page.inner_text("main").lower()
    assert sorted(order, key=text.index) == list(order)


def test_a_resource_folds_out_to_what_is_and_what_will_be(opened: Open) -> None:
    reader = opened(planned(split=False, changes=1, blocked=0))
    card = reader.page.locator(".card.update")
    expect(card.locator("table")).to_be_hidden()
    card.locator("summary").first.click()
    reset = card.locator("tr.reset")
    cells = [plain(cell) for cell in reset.locator("th, td").all_inner_texts()]
    assert cells == ["↺ size", "reset", '"Robot"', "(empty)", "reset by policy, default assumed"]
    body = card.locator("pre")
    expect(body).to_be_hidden()
    card.locator(".body summary").click()
    assert '"Size"' not in body.inner_text()
    assert '"Name": "Robot 1"' in body.inner_text()


def test_what_a_change_does_to_people_is_told_on_its_line_and_drawn_inside(opened: Open) -> None:
    reader = opened(planned(split=False, changes=1, blocked=0), forced_colors="active")
    assert "People: mails earlier (1), Robot (1)" in reader.page.inner_text("main")
    card = reader.page.locator(".card.update")
    expect(card.locator("> summary")).to_contain_text("⇒ mails_earlier")
    expect(card.locator("> summary")).not_to_contain_text("⇒ Robot")
    card.locator("summary").first.click()
    told = card.locator(".effects li").all_inner_texts()
    assert [text.partition("\n")[0] for text in told] == ["sooner: Robot [mails_earlier]", REST]
    drawn = card.get_by_role("img", name="before Sun 6 Dec 2026 10:00, after Thu 3 Dec 2026 10:00")
    expect(drawn).to_be_visible()
    before, after = (
        one.evaluate("one => one.getBoundingClientRect().x") for one in drawn.locator("circle").all()
    )
    assert before > after


def test_what_is_carried_and_who_is_written_to_is_not_in_it() -> None:
    made = planned()
    one = replace(
        change(1), live=live({"Owner": "in person", "Parts": [{"Number": 1, "Secret": "in person"}]})
    )
    page = html([replace(made, plan=replace(made.plan, changes=(one,)))], Links())
    assert "in person" not in page
    assert "Owner" in page
    assert ADDRESS not in page
    assert "j***@example.com" in page


def filtered(reader: Reader, name: str, choice: str) -> list[str]:
    reader.page.select_option(f"#by-{name}", choice)
    expect(reader.page.locator("#count")).to_contain_text(" of ")
    return reader.shown


@pytest.mark.parametrize(
    ("name", "choice", "shown"),
    [
        ("target", "b", ["toys.b1b", "toys.b1", "toys.b2", "customer_seeds.b"]),
        ("action", "blocked", ["toys.b1a", "toys.b1b"]),
        ("action", "send", ["customer_seeds.a", "customer_seeds.b"]),
        ("class", "reset", ["toys.b1a", "toys.a1", "toys.a2", "toys.b1b", "toys.b1", "toys.b2"]),
        ("effect", "b", ["toys.b1b", "toys.b1", "toys.b2"]),
        ("file", "a.yaml", ["customer_seeds.a"]),
    ],
)
def test_what_is_shown_can_be_chosen(opened: Open, name: str, choice: str, shown: Sequence[str]) -> None:
    assert filtered(opened(planned("a"), planned("b")), name, choice) == list(shown)


def test_an_address_that_chooses_what_there_is_not_chooses_nothing(opened: Open) -> None:
    reader = opened(planned("a"))
    reader.page.goto(f"{reader.path.as_uri()}#target=nowhere&text=%22%3E%3Cimg%20src=x%3E&x=1")
    reader.page.reload()
    assert reader.page.input_value("#by-text") == '"><img src=x>'
    assert reader.page.locator(FOREIGN).count() == 0
    assert reader.shown == []


def test_what_is_chosen_adds_up_and_comes_back_with_the_address(opened: Open) -> None:
    reader = opened(planned("a"), planned("b"))
    reader.page.select_option("#by-target", "b")
    reader.page.select_option("#by-class", "reset")
    reader.page.fill("#by-text", "b2 & <c>")
    expect(reader.page).to_have_url(re.compile(r"#target=b&class=reset&text=b2\+%26\+%3Cc%3E$"))
    assert reader.shown == []
    reader.page.fill("#by-text", "b2")
    expect(reader.page.locator("#count")).to_have_text("1 of 8 shown")
    reader.page.reload()
    assert reader.shown == ["toys.b2"]
    assert reader.page.input_value("#by-target") == "b"
    reader.page.click("#by-text")
    reader.page.keyboard.press("Escape")
    expect(reader.page).to_have_url(reader.path.as_uri())
    assert len(reader.shown) == 8


def test_all_of_it_works_from_the_keyboard(opened: Open) -> None:
    reader = opened(planned("a"), planned("b"))
    press = reader.page.keyboard.press
    press("Tab")
    assert focused(reader) == "To the changes"
    press("Tab")
    reader.page.keyboard.type("b2")
    expect(reader.page.locator("#count")).to_have_text("1 of 8 shown")
    press("Escape")
    expect(reader.page.locator("#count")).to_have_text("8 shown")
    for _ in range(3):
        press("Shift+Tab" if focused(reader) == "To the changes" else "Tab")
    assert focused(reader).startswith("all classes")
    reader.page.keyboard.type("reset")
    expect(reader.page.locator("#count")).to_have_text("6 of 8 shown")
    reader.page.locator(".card.update > summary").first.focus()
    press("Enter")
    expect(reader.page.locator(".card.update table").first).to_be_visible()
    press("Tab")
    assert reader.page.evaluate("document.activeElement.getAttribute('aria-label')") == "Fields of toys.a1"


def focused(reader: Reader) -> str:
    return str(reader.page.evaluate("document.activeElement.textContent.trim()"))


@pytest.mark.parametrize("changes", [2, WHOLE + 50])
def test_all_can_be_unfolded_and_folded(opened: Open, changes: int) -> None:
    reader = opened(planned(changes=changes))
    reader.page.click("#unfold")
    expect(reader.page.locator(".card:not([open])")).to_have_count(0)
    expect(reader.page.locator(".card:not(:has(.inside))")).to_have_count(0)
    reader.page.click("#fold")
    expect(reader.page.locator(".card[open]")).to_have_count(0)


def test_what_waits_is_searched_as_it_reads(opened: Open) -> None:
    last = WHOLE + 50
    reader = opened(planned("<a> & 'b'", changes=last, split=False))
    # Before any of it is made into elements.
    found = reader.page.evaluate(SEARCHED_AT_ONCE, f"\"<a> & 'b' {last}\"")
    assert found == [f"toys.<a> & 'b'{last}"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_accessibility_checker_finds_nothing_serious(opened: Open, scheme: str) -> None:
    told = (planned("a"), planned("b", split=False), in_trouble("c"), stopped("d"))
    reader = opened(*told, color_scheme=scheme)
    assert reader.complaints == []
    reader.page.click("#unfold")
    reader.page.set_viewport_size({"width": 360, "height": 900})
    assert reader.complaints == []
    filtered(reader, "class", "reset")
    assert reader.complaints == []
    reader.page.fill("#by-text", "nowhere")
    expect(reader.page.locator("#nothing")).to_be_visible()
    assert reader.complaints == []
    ended = opened(applied(), color_scheme=scheme)
    ended.page.click("#unfold")
    assert ended.complaints == []


def test_a_page_is_never_wider_than_a_telephone(opened: Open) -> None:
    reader = opened(planned("x" * 300))
    reader.page.set_viewport_size({"width": 360, "height": 800})
    reader.page.click("#unfold")
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= 360


def test_on_paper_everything_is_unfolded_in_dark_ink_and_what_is_left_out_is_told(opened: Open) -> None:
    reader = opened(planned("a"), planned("b"), color_scheme="dark")
    reader.page.emulate_media(media="print")
    expect(reader.page.locator("#printed")).to_be_hidden()
    reader.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(reader.page.locator(".card table").last).to_be_visible()
    expect(reader.page.locator(".filters")).to_be_hidden()
    assert reader.page.evaluate("getComputedStyle(document.documentElement).color") == "rgb(0, 0, 0)"
    reader.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert reader.page.locator(".card.update[open]").count() == 0
    reader.page.evaluate("location.hash = '#target=b&text=toys'")
    part = "Only a part is on this page: 3 of 8 shown, by target b, text toys."
    expect(reader.page.locator("#printed")).to_have_text(part)
    expect(reader.page.locator("#printed")).to_be_visible()


def test_it_can_be_read_without_its_script(browser: Browser, tmp_path: Path) -> None:
    reader = Reader.of(browser, [planned()], tmp_path, java_script_enabled=False)
    reader.page.locator(".card.update > summary").first.click()
    expect(reader.page.locator(".card.update tr.reset").first).to_be_visible()
    reader.page.close()


@pytest.mark.parametrize("texts", [ATTACKS, MARKDOWN, HARMFUL], ids=["html", "markdown", "harmful"])
def test_whatever_it_is_called_it_stays_text(opened: Open, texts: Sequence[str]) -> None:
    told = [one for text in texts for one in (planned(text), in_trouble(text), applied(text), stopped(text))]
    page = opened(*told).page
    expect(page.locator(".card:not(:has(.inside))")).to_have_count(0)
    assert page.locator("script:not([type='application/json'])").count() == 1
    assert page.locator(FOREIGN).count() == 0
    assert page.locator("main > section.target").count() == len(told)
    keys = {plain(key) for key in page.locator(".key").all_text_contents()}
    assert {plain(harmless(f"toys.{text}1")) for text in texts} <= keys


def test_links_lead_to_the_line_at_the_commit_and_what_has_not_ended_says_so_first(opened: Open) -> None:
    tree = f"https://github.com/acme/surveys/blob/{'a' * 40}"
    page = opened(planned("Robot"), Stopped.underway("plan", "<b>"), links=Links(tree, "sub")).page
    found = {link.get_attribute("href") for link in page.locator("main a").all()}
    assert f"{tree}/sub/toys.yaml#L1" in found
    text = page.inner_text("main")
    assert text.startswith("<b>\n\nThis run has not ended: it is under way, or it was killed.")


@pytest.mark.parametrize(
    ("restores", "why"), [(None, "reset: not declared, so"), (3, "reset: empty before, so")]
)
def test_the_legend_gives_the_reason_for_resets(opened: Open, restores: int | None, why: str) -> None:
    report = planned()
    scope = replace(report.plan.scope, restores=restores)
    page = opened(replace(report, plan=replace(report.plan, scope=scope))).page
    assert why in page.inner_text("footer")


def test_the_end_of_a_run_keeps_what_its_plan_said_of_a_change_and_names_the_run() -> None:
    page = html([replace(applied(), run=7)], Links())
    assert "Found by its name; to keep it" in page
    assert "run 7 of the journal" in page
    assert "of the journal" not in html([planned()], Links())
