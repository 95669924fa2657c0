"""Whatever an API answers, a run ends in a sentence, and what it shows is harmless."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.hostile.answering import CONFIGS, SEEDS, Hostile, run
from tests.hostile.fuzzing import documents, harmful_text, numbers, share
from tests.hostile.workspaces import write

_RAW = {
    "<<inf>>": "1e999",
    "<<nan>>": "NaN",
    "<<zero>>": "-0",
    "<<long>>": "9" * 4000,
    "<<deep>>": "[" * 400 + "]" * 400,
    "<<deeper>>": '{"a":' * 900 + "1" + "}" * 900,
    "<<half>>": '"\\ud800"',
    "<<twice>>": '{"Id": 1, "Id": 2}',
}
_MEMBERS = """
    ImportConfigId Name SurveySettings SurveyId InvitationTime ColumnMappings IsReusable SourceColumnNumber
    TargetColumnName DateFormat FirstRow Id Title Succeeded FailureMessage Meta Data Status TotalRowCount
    ErrorMessage Links Unknown CustomerDataColumns DisplayName Required Archived CustomerCount NextCursor
    OptOuts Email Statuses StatusCode StatusName Customers
""".split()  # noqa: SIM905
leaves: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    harmful_text,
    st.sampled_from([*_RAW, "Newsletter", "Welcome", "09:00", "\ud800"]),
)
anything = documents(st.one_of(st.sampled_from(_MEMBERS), harmful_text), leaves)
_USUAL = {
    "ImportConfigId": 1,
    "Name": "Newsletter",
    "IsReusable": True,
    "SurveySettings": {"SurveyId": 1, "InvitationTime": "09:00:00.0000000"},
    "ColumnMappings": [{"SourceColumnNumber": 1, "TargetColumnName": "Email"}],
}
rows = st.dictionaries(st.sampled_from(_MEMBERS), anything, max_size=5).map(
    lambda strange: {**_USUAL, **strange}
)


def enveloped(data: Any, total: Any) -> Any:
    return {"Meta": {"Status": 200, "TotalRowCount": total}, "Data": data}


listed = st.builds(enveloped, st.lists(rows, max_size=3), st.one_of(st.integers(0, 3), leaves))
written = st.builds(
    lambda strange: enveloped({"Succeeded": True, "ImportConfigId": 7, **strange}, None),
    st.dictionaries(st.sampled_from(["Succeeded", "FailureMessage", "ImportConfigId"]), anything, max_size=2),
)


def in_bytes(document: Any) -> bytes:
    text = json.dumps(document)
    for name, raw in _RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text.encode()


def answers(*usual: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Return mostly what the API would say with something strange in it, and sometimes anything at all."""
    said = st.one_of(*usual, anything).map(in_bytes)
    return st.one_of(
        said, said, said, st.binary(max_size=80), st.sampled_from([b"", b"<html>", b"\xff\xfe{\x00}\x00"])
    )


configs = st.fixed_dictionaries(
    {
        "GET /3/surveys": answers(listed),
        "GET /3/contacts/import/configs/": answers(rows.map(lambda row: enveloped(row, None))),
        "GET /3/contacts/import/configs": answers(listed),
        "PUT ": answers(written),
        "POST ": answers(written),
    }
)


@share(18)
@given(configs, st.sampled_from(["plan", "show", "apply"]), st.booleans())
def test_any_answer_about_configurations_ends_in_a_sentence(
    said: dict[str, bytes], verb: str, as_json: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(write(Path(folder), {"configs.yaml": CONFIGS}), Hostile(said), verb, as_json=as_json)


def member(name: str, *usual: Any) -> st.SearchStrategy[bytes]:
    row = st.builds(
        lambda base, strange: {**base, **strange},
        st.sampled_from(usual),
        st.dictionaries(st.sampled_from(_MEMBERS), anything, max_size=2),
    )
    return answers(
        st.builds(
            lambda found, more: {name: found, **more},
            st.lists(row, max_size=3),
            st.dictionaries(st.just("NextCursor"), leaves, max_size=1),
        )
    )


tenants = st.fixed_dictionaries(
    {
        "customerdatacolumn": member(
            "CustomerDataColumns", {"Id": 7, "Name": "Other"}, {"Id": 8, "Name": "Name"}
        ),
        "getcustomerstatuses": member("Statuses", {"StatusCode": 1, "StatusName": "Bounced"}),
        "customer/count": answers(
            st.builds(lambda count: {"CustomerCount": count}, st.one_of(st.integers(0, 2), leaves))
        ),
        "getoptouts": member("OptOuts", {"Email": "a@example.com"}),
        "customer/add": answers(anything),
    }
)


@share(12)
@given(tenants, st.sampled_from(["plan", "apply"]), st.booleans())
def test_any_answer_about_customers_ends_in_a_sentence(
    said: dict[str, bytes], verb: str, as_json: bool
) -> None:
    nothing = {"GET /3/": in_bytes(enveloped([], 0)), **said}
    with tempfile.TemporaryDirectory() as folder:
        inside = Path(folder, "configs")
        inside.mkdir()
        run(write(inside, {"seeds.yaml": SEEDS}), Hostile(nothing), verb, as_json=as_json)
