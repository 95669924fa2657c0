"""Text that is only spelled otherwise mails nobody again, even where an earlier version wrote it down."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal
from unicodedata import normalize

import pytest
from msgspec.structs import replace

from reconciler.engine.kind import Json, digest_of
from reconciler.expoints.recipients import RecipientState, recipients_of, with_states
from reconciler.expoints.seed import DataItem, Seed, SeedCustomer, Send
from reconciler.journal.entries import Delivery, DeliveryState
from reconciler.problems import Place

PLACE = Place("a.yaml", 1, 1)


def seed_of(text: str, *numbers: int, note: str = "") -> Seed:
    """Return a seed of which every text holds this one; of several customers each has its number."""
    content = f"{note}{text}".encode()
    file: Json = {"FileName": text, "FileSize": len(content), "Data": base64.b64encode(content).decode()}
    members: dict[str, Any] = {"Answers": [{"BaseQuestionId": 1, "Text": text, "FileAnswers": [file]}]}
    named = DataItem(text.split()[0], text, PLACE)
    customers = tuple(
        SeedCustomer(PLACE, "a@example.com", members, (named, DataItem(7, str(n), PLACE)))
        for n in numbers or (1,)
    )
    return Seed("customer_seeds.s", PLACE, customers, {"BatchName": text}, Send.ON_CHANGE, "é")


def as_before(seed: Seed) -> list[Delivery]:
    """Return what an earlier version wrote down of a seed: the digests of its text as it stands."""
    found = []
    for number, one in enumerate(seed.customers, start=1):
        members: Any = one.members
        answer = members["Answers"][0]
        values = {
            "batch_name": seed.batch["BatchName"],
            "customers.email": one.email,
            "customers.answers.0.base_question_id": 1,
            "customers.answers.0.text": answer["Text"],
            **{
                f"customers.answers.0.file_answers.0.{path}": answer["FileAnswers"][0][name]
                for path, name in (("file_name", "FileName"), ("file_size", "FileSize"), ("data", "Data"))
            },
            **{f"customers.data.{item.column}": [item.value] for item in one.data},
        }
        contents = {path: json.dumps([path, value], sort_keys=True) for path, value in values.items()}
        data = sorted([str(item.column), item.value, ()] for item in one.data)
        digest = digest_of([digest_of(seed.batch), digest_of([one.email, one.members, data])])
        who = f"a@example.com#{number}", "a@example.com"
        found.append(Delivery(*who, digest, DeliveryState.SENT, 0, 1, 0.0, seed.round, contents=contents))
    return found


LINES = "é\r\nü"
SPELLED = {
    "as it stood": (LINES, LINES),
    "mixed": ("é\r\ne\u0301\nü\r", "é\r\ne\u0301\nü\r"),
    "LF now": (LINES, "é\nü"),
    "CR now": (LINES, "é\rü"),
    "CRLF now": ("é\nü", LINES),
    "composed now": (normalize("NFD", LINES), LINES),
    "decomposed now": (LINES, normalize("NFD", "é\nü")),
}


@pytest.mark.parametrize(("before", "now"), SPELLED.values(), ids=SPELLED)
@pytest.mark.parametrize("has_contents", [True, False], ids=["by path", "by digest"])
def test_another_spelling_is_no_change_of_what_was_sent(before: str, now: str, has_contents: bool) -> None:
    sent = as_before(seed_of(before, 1, 2))
    if not has_contents:
        sent = [Delivery(*(getattr(one, name) for name in Delivery.__struct_fields__[:8])) for one in sent]
    seed = seed_of(now, 2, 1)  # in another order, too
    found = with_states(seed, recipients_of(seed, str), sent, lambda _: False, str)
    assert [(one.state, one.changed) for one in found] == [(RecipientState.SENT, ())] * 2


def test_what_is_said_otherwise_is_sent_again_and_named() -> None:
    sent, seed = as_before(seed_of("é\r\n")), seed_of("é\n", note="other")
    (found,) = with_states(seed, recipients_of(seed, str), sent, lambda _: False, str)
    path = "customers.answers.0.file_answers.0"
    assert (found.state, found.changed) == (RecipientState.CHANGED, (f"{path}.file_size", f"{path}.data"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_round_is_the_same_in_either_form(form: Literal["NFC", "NFD"]) -> None:
    seed, (sent,) = seed_of("a"), as_before(seed_of("a"))
    earlier = replace(sent, round=normalize(form, seed.round))
    (found,) = with_states(seed, recipients_of(seed, str), [earlier], lambda _: False, str)
    assert found.state is RecipientState.SENT
