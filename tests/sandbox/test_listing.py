"""How collections are listed (DOC, contact folders page: top, skip, select, filter, orderby, without `$`)."""

from __future__ import annotations

import pytest

from reconciler.sandbox import State
from reconciler.sandbox.seeding import CONFIGS as CONFIG_DOCUMENTS
from reconciler.sandbox.seeding import stored_config

from .conftest import CONFIGS, Json, OpenSandbox, Sandbox


def many(count: int) -> State:
    """A sandbox's memory with so many import configurations, from id 1 on."""
    members = ({"Name": f"Config {number:03}", "IsReusable": True} for number in range(1, count + 1))
    seed: Json = {
        CONFIG_DOCUMENTS: {number: stored_config(config) for number, config in enumerate(members, 1)}
    }
    return State(seed=seed)


def ids(rows: list[Json]) -> list[int]:
    return [row["ImportConfigId"] for row in rows]


def meta(sandbox: Sandbox, **options: Json) -> dict[str, Json]:
    return dict(sandbox.client.get(CONFIGS, params=options).json()["Meta"])


def test_a_page_has_25_rows_unless_top_says_otherwise(open_sandbox: OpenSandbox) -> None:
    """DOC, contact folders page."""
    sandbox = open_sandbox(state=many(60))
    assert ids(sandbox.listed()) == list(range(1, 26))
    assert ids(sandbox.listed(top=10, skip=55)) == list(range(56, 61))
    assert sandbox.listed(skip=60) == []


def test_meta_counts_rows_and_pages(open_sandbox: OpenSandbox) -> None:
    """DOC names, PUT page."""
    found = meta(open_sandbox(state=many(60)), skip=50)
    del found["Timestamp"]
    assert found == {
        "Status": 200,
        "TotalRowCount": 60,
        "TotalPageCount": 3,
        "StartRec": 51,
        "StopRec": 60,
        "Limit": 25,
        "Offset": 50,
        "IsFiltered": False,
    }


def test_links_lead_to_the_pages_beside_this_one(open_sandbox: OpenSandbox) -> None:
    """DOC, PUT page: next and previous page for paged results; CLIENT: their shape."""
    sandbox = open_sandbox(state=many(60))
    links = sandbox.client.get(CONFIGS, params={"skip": 25}).json()["Links"]
    assert ids(sandbox.data("GET", links["Next"]["Href"])) == list(range(51, 61))
    assert ids(sandbox.data("GET", links["Previous"]["Href"])) == list(range(1, 26))
    assert set(sandbox.client.get(CONFIGS, params={"skip": 50}).json()["Links"]) == {"Previous"}


@pytest.mark.parametrize(
    "options",
    [
        {"top": "ten"},
        {"top": "-1"},
        {"skip": "1.5"},
    ],
)
def test_an_option_that_cannot_be_read_is_400(sandbox: Sandbox, options: dict[str, str]) -> None:
    """INF: 400 has its usual meaning."""
    assert sandbox.client.get(CONFIGS, params=options).status_code == 400


def test_unpaged_answers_all_rows_whatever_is_asked(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `listing`."""
    sandbox = open_sandbox("listing=unpaged", state=many(60))
    assert ids(sandbox.listed(top=10, skip=5)) == list(range(1, 61))
    assert "Limit" not in meta(sandbox)


def test_clamped_lowers_top_and_says_so(open_sandbox: OpenSandbox) -> None:
    """INF: `Meta.Limit` smaller than the `top` asked for; variant `listing`."""
    sandbox = open_sandbox("listing=clamped", "clamp_at=30", state=many(60))
    assert ids(sandbox.listed(top=1000)) == list(range(1, 31))
    assert meta(sandbox, top=1000)["Limit"] == 30
    assert ids(sandbox.listed(top=1000, skip=30)) == list(range(31, 61))


def test_a_server_that_ignores_skip_repeats_its_first_page(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `listing`."""
    sandbox = open_sandbox("listing=ignores-skip", state=many(60))
    assert sandbox.listed(skip=25) == sandbox.listed()
    assert len(sandbox.listed(top=1000)) == 60


def test_thin_rows_hold_id_and_name_only(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `rows`."""
    sandbox = open_sandbox("rows=thin")
    assert sandbox.listed()[0] == {"ImportConfigId": 288, "Name": "Newsletter NL"}
    assert sandbox.read(288)["ContactListId"] == 12


def test_rows_can_come_newest_first(open_sandbox: OpenSandbox) -> None:
    """UNK: the order without `orderby`; variant `row_order`."""
    assert ids(open_sandbox("row_order=newest-first").listed()) == [291, 290, 289, 288]


def test_counts_can_be_missing_from_meta(open_sandbox: OpenSandbox) -> None:
    """UNK: variant `meta_counts`."""
    found = meta(open_sandbox("meta_counts=false"))
    assert set(found) == {"Status", "Limit", "Offset", "IsFiltered", "Timestamp"}


def test_the_id_of_a_survey_can_have_another_name(open_sandbox: OpenSandbox) -> None:
    """CLIENT: `Id`, and `SurveyId` in some answers; variant `survey_id_member`."""
    assert open_sandbox("survey_id_member=SurveyId").data("GET", "/3/surveys/4711")["SurveyId"] == 4711
