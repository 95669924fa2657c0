"""The envelope around every answer of the CheckMarket API: `{"Meta": …, "Data": …, "Links": …}`.

Its parts are documented (page `PUT-3-contacts-import-configs-importConfigId`). Members that hold nothing are
left out of it (page `GET-3-ContactFolders`), so a missing `Data` may be an empty one. How errors look in it
is known from a public client only, and whether `false` is left out like an empty member is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from reconciler.engine.kind import Json
from reconciler.errors import BadAnswer, Declined, Forbidden, NoAnswer, Unauthorised
from reconciler.http import Answer, Dialect

Object = dict[str, Json]


class Envelope(Struct, frozen=True):
    """An answer, opened. `data` is None where `Data` is missing or null."""

    meta: Mapping[str, Json]
    data: Json

    def count(self, name: str) -> int | None:
        """Return a number of `Meta`, from 0 upwards; None where the server says none."""
        value = self.meta.get(name)
        return value if type(value) is int and value >= 0 else None

    def refusal(self) -> str | None:
        """Return the API's words where `Data` says that it refused, None where it does not.

        DOC: `{Succeeded: false, FailureMessage}` in an HTTP 200. INF: or only the message.
        """
        if self.data is False:
            return "the API answered `false`"
        if not isinstance(self.data, dict) or self.data.get("Succeeded") is True:
            return None
        message = self.data.get("FailureMessage")
        if self.data.get("Succeeded") is False or message:
            return str(message or "it gave no reason")
        return None


def opened(answer: Answer) -> Envelope:
    """Return the envelope of an answer; raises `BadAnswer` where there is none."""
    document = answer.json()
    if not isinstance(document, dict) or not ("Meta" in document or "Data" in document):
        raise BadAnswer(
            f"{answer.method} {answer.path}: {answer.status}, but without the envelope of the API"
        )
    meta = document.get("Meta")
    return Envelope(meta if isinstance(meta, dict) else {}, document.get("Data"))


def confirmed(answer: Answer) -> Object:
    """Return `Data` of a write that the API says it carried out; `{}` for a bare `Data: true`.

    Raises `Declined` where it says that it did not, and `NoAnswer` where it says neither: a success without
    an envelope, or an envelope without `Succeeded`.
    """
    where = f"{answer.method} {answer.path}"
    try:
        envelope = opened(answer)
    except BadAnswer as error:
        raise NoAnswer(f"{where}: {answer.status}, but not in the API's form. {_IN_DOUBT}") from error
    refusal = envelope.refusal()
    if refusal is not None:
        raise Declined(
            f"{where}: refused: {answer.quoted(refusal)}. Nothing was changed; correct what the API names."
        )
    if envelope.data is True:
        return {}
    if isinstance(envelope.data, dict) and envelope.data.get("Succeeded") is True:
        return envelope.data
    raise NoAnswer(f"{where}: {answer.status}, but it does not say whether it succeeded. {_IN_DOUBT}")


_IN_DOUBT = "It may have been carried out or not; look at what is live before sending it again."


def dialect(credentials: str) -> Dialect:
    """Return how the answers of this API are read; `credentials` says where the keys are set."""
    return Dialect(
        status=_status,
        complaint=_complaint,
        hints={
            Unauthorised: f"Check {credentials}: a key that is inactive or was regenerated is refused.",
            Forbidden: f"Check {credentials}: the key needs the roles Contacts (read) and Contacts (write).",
        },
    )


def _status(answer: Answer) -> int:
    """Return the HTTP status, or that of `Meta` where an HTTP 200 carries an error.

    CLIENT: a public client goes by `Meta.Status`. Only 4xx and 5xx count: the vendor's samples show a 1.
    """
    try:
        status = opened(answer).count("Status") if answer.status == 200 else None
    except BadAnswer:
        return answer.status
    return status if status is not None and 400 <= status < 600 else answer.status


def _complaint(answer: Answer) -> str:
    """Return the message of an error. CLIENT: `Data` is a text or `{ErrorCode, ErrorMessage, ErrorType}`."""
    try:
        data = opened(answer).data
    except BadAnswer:
        return Dialect().complaint(answer)
    if isinstance(data, dict):
        data = data.get("ErrorMessage") or data.get("FailureMessage")
    return data if isinstance(data, str) else ""
