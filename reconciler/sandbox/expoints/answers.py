"""The pre-filled answers of a customer, of which only the types are documented (D: POST-api-v3-customer-add).

No call lists questions or scale positions (U), so nothing here can know whether they exist.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.sandbox.variants import Variants

from .bodies import Members

_Readers = Mapping[str, Callable[[Members, str], object]]

_ANSWER: _Readers = {
    "BaseQuestionId": Members.number,
    "Text": Members.text,
    "PageRepetition": Members.number,
    "SectionRepetition": Members.number,
}
_POSITION: _Readers = {
    "Id": Members.number,
    "Label": Members.text,
    "Value": Members.number,
    "Ranking": Members.number,
}
_FILE: _Readers = {
    "Id": Members.number,
    "AnswerId": Members.number,
    "FileName": Members.text,
    "FileSize": Members.number,
    "FileType": Members.text,
    "Data": Members.base64,
    "CertificateThumbprint": Members.text,
    "EncryptionKey": Members.text,
}


def check_answers(customer: Members, variants: Variants) -> None:
    """Raise `FailedError` with 400 for an answer that has a member of another type than documented (I)."""
    for answer in customer.objects("Answers"):
        _read(answer, _ANSWER)
        answer.moment("DateAnswered", variants)
        for position in answer.objects("SelectedScalePositions"):
            _read(position, _POSITION)
        for file in answer.objects("FileAnswers"):
            _read(file, _FILE)


def _read(members: Members, readers: _Readers) -> None:
    for name, read in readers.items():
        read(members, name)
