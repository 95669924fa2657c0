"""Import configurations over the CheckMarket API, version 3: read and written, and surveys found.

Documented are create and full update (pages `POST-3-contacts-import-configs` and
`PUT-3-contacts-import-configs-importConfigId`). That one can list, read and delete is documented too
(example 18), but not how: the paths follow from the documented ones (INF), and every plausible answer is
accepted (UNK).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from reconciler.access import Access
from reconciler.checkmarket.envelope import confirmed, dialect, opened
from reconciler.checkmarket.listing import read_list, row_id
from reconciler.clock import Clock
from reconciler.engine.each import Each, one_by_one
from reconciler.engine.kind import Body, Json
from reconciler.errors import BadAnswer, Declined, NotFound
from reconciler.http import CHECKMARKET_HOSTS, USUAL_BOUNDS, Api, Bounds, Exchange, Secret, Transport
from reconciler.pace import Pace

_CONFIGS = "/3/contacts/import/configs"
_CONFIG_ID = "ImportConfigId"
_SURVEYS = "/3/surveys"
_SURVEY_IDS = ("Id", "SurveyId")


class ImportConfigs:
    """The import configurations of one account, as `engine.ports.Writer` asks for them.

    Safe for use by many threads at once. Nothing is remembered but the list of surveys, which is read once.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._surveys = _Surveys(api)

    def server_time(self) -> float | None:
        """Ask for one row of the list, which proves that the keys may read; return the time of the server.

        In seconds since 1970 UTC, None where it does not say. The API has no call for the keys themselves.
        """
        answer = self._api.request("GET", _CONFIGS, params={"top": 1, "skip": 0})
        refusal = opened(answer).refusal()
        if refusal is not None:
            raise Declined(f"GET {_CONFIGS}: refused: {answer.quoted(refusal)}. Nothing was changed.")
        return answer.sent_at

    def list(self, each: Each = one_by_one) -> Sequence[Body]:
        """Return every configuration that the API lists, in its order; a row may hold less than `read` tells.

        `each` reads pages of it. Raises `BadAnswer` where the list is not proven to be whole.
        """
        return read_list(self._api, _CONFIGS, [_CONFIG_ID], each)

    def read(self, id: int) -> Body | None:
        """Return one configuration with all its members, None where the API knows no such id.

        UNK: an unknown id may be a 404 or a 200 with `Succeeded: false`; both are None.
        """
        try:
            envelope = opened(self._api.request("GET", _path(id)))
        except NotFound:
            return None
        if envelope.refusal() is not None:
            return None
        if isinstance(envelope.data, dict) and row_id(envelope.data, [_CONFIG_ID]) == id:
            return envelope.data
        raise BadAnswer(f"GET {_path(id)}: the answer is not about {_CONFIG_ID} {id}. It cannot be trusted.")

    def create(self, body: Body) -> int | None:
        """Create a configuration; return its id, None where the answer names none. Not idempotent."""
        return row_id(confirmed(self._api.request("POST", _CONFIGS, json=dict(body))), [_CONFIG_ID])

    def replace(self, id: int, body: Body) -> None:
        """Replace a configuration: what `body` leaves out goes back to the server's default (DOC).

        The name is in the body only. As a query parameter it would turn the call into a rename (DOC, page
        `PUT-3-contacts-import-configs-ImportConfigId_Name`).
        """
        confirmed(self._api.request("PUT", _path(id), json=dict(body)))

    def delete(self, id: int) -> None:
        """Delete a configuration; one that is already gone counts as deleted.

        UNK: success may be `Data: true` or `{Succeeded: true}`. A refusal is believed to mean "gone" only if
        a read knows the id no more: the path is inferred, so a 404 may just say that there is no such call.
        """
        try:
            confirmed(self._api.request("DELETE", _path(id)))
        except (NotFound, Declined) as refusal:
            if self.read(id) is not None:
                raise Declined(f"{refusal} (It is still there.)") from refusal

    def find(self, what: str, name: str) -> Sequence[int]:
        """Return the ids of all surveys whose title is exactly `name`; `ValueError` for another `what`.

        Titles are nowhere said to be unique. The surveys are listed once for all calls.
        """
        if what != "survey":
            raise ValueError(f"the API finds surveys by name, not {what}")
        return self._surveys.titled(name)

    def name(self, what: str, id: int) -> str | None:
        """Return the title of a survey, None where there is none; `ValueError` for another `what`."""
        if what != "survey":
            raise ValueError(f"the API names surveys, not {what}")
        return self._surveys.title(id)


class _Surveys:
    """The surveys of the account, listed when the first one is looked for.

    CLIENT: the path, its options and the members `Id` (`SurveyId` in some answers) and `Title`.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._ids: Mapping[str, Sequence[int]] | None = None

    def titled(self, title: str) -> Sequence[int]:
        """Return the ids of the surveys with exactly this title, in the order of the list."""
        return self._listed.get(title, ())

    def title(self, id: int) -> str | None:
        """Return the title of the survey with this id, None where there is none."""
        return next((title for title, ids in self._listed.items() if id in ids), None)

    @property
    def _listed(self) -> Mapping[str, Sequence[int]]:
        with self._lock:
            if self._ids is None:
                self._ids = _by_title(read_list(self._api, _SURVEYS, _SURVEY_IDS))
            return self._ids


def _by_title(rows: Sequence[Mapping[str, Json]]) -> Mapping[str, Sequence[int]]:
    titles: dict[str, list[int]] = {}
    for row in rows:
        title, id = row.get("Title"), row_id(row, _SURVEY_IDS)
        if isinstance(title, str) and id is not None:
            titles.setdefault(title, []).append(id)
    return titles


def _path(id: int) -> str:
    return f"{_CONFIGS}/{id}"


@contextmanager
def open_checkmarket(
    url: str,
    master_key: Secret,
    key: Secret,
    *,
    credentials: str = "`master_key` and `key` of the target",
    bounds: Bounds = USUAL_BOUNDS,
    clock: Clock | None = None,
    transport: Transport | None = None,
    access: Access | None = None,
    on_request: Callable[[Exchange], None] = lambda _: None,
    before_request: Callable[[], None] = lambda: None,
    new_id: Callable[[], str] = lambda: "",
    pace: Pace | None = None,
) -> Iterator[ImportConfigs]:
    """Open an account; its connections are closed at the end of the `with`.

    `credentials` says in messages where the two keys are set, such as the names of the environment variables.
    Both go out as headers with every request (DOC, example 1). The rest is as for `Api`.
    """
    with Api(
        url,
        headers={"X-Master-Key": master_key, "X-Key": key},
        bounds=bounds,
        dialect=dialect(credentials),
        clock=clock,
        transport=transport,
        hosts=CHECKMARKET_HOSTS,
        access=access,
        on_request=on_request,
        before_request=before_request,
        new_id=new_id,
        pace=pace,
    ) as api:
        yield ImportConfigs(api)
