"""The calls on surveys, which are only read here (CLIENT: the vendor's own RespondentImporter)."""

from __future__ import annotations

from typing import Any

from reconciler.sandbox.seeding import SURVEYS
from reconciler.sandbox.state import Document, Key

from .calls import Answer, Call, reject_unknown
from .listing import answer_list


def list_surveys(call: Call) -> Answer:
    """Answer with the surveys; titles are not unique, so `filter` by title can find several."""
    rows = [_row(identity, survey, call) for identity, survey in call.documents.all(SURVEYS).items()]
    return answer_list(rows, lambda row: row, call.variants.surveys_listing, call)


def read_survey(call: Call, identity: int) -> Answer:
    """Answer with one survey; its questions are empty here and therefore left out."""
    survey = call.documents.get(SURVEYS, identity)
    if survey is None:
        reject_unknown("survey", identity, call.variants)
    return Answer(_row(identity, survey, call))


def _row(identity: Key, survey: Document, call: Call) -> dict[str, Any]:
    return {call.variants.survey_id_member: identity, **survey}
