"""Many addresses in one request: believed where canaries prove the answer, at whatever kind of tenant."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import Forbidden
from reconciler.expoints.census import FEW, Census
from reconciler.expoints.client import LONGEST_QUERY, open_expoints
from reconciler.http import Bounds, Secret, wsgi_transport

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NOON = "Sat, 02 May 2026 12:00:00 GMT"
MORNING = "Sat, 02 May 2026 09:00:00 GMT"

Compare = Callable[[str, str], bool]
"""Tells whether an address of a customer is found by one that is asked for."""
Form = Callable[[Sequence[str]], Sequence[str] | int]
"""What several addresses stand for: those that are obeyed, none for everybody, or a status."""


def untagged(email: str) -> str:
    return re.sub(r"\+[^@]*|\.(?=[^@]*@)", "", email.lower())


def words(email: str) -> set[str]:
    return set(re.findall("[a-z0-9]+", email.lower()))


def joined_and_cut(most: int) -> Form:
    """Return the form of several addresses that are one text, which has room for so many letters."""
    return lambda asked: ",".join(asked)[:most].split(",")


LENGTHS = range(300, 1_500, 200)
LOOKING_WRONG = ("smoke+007@qa.example", "xy@x.example")

COMPARES: Mapping[str, Compare] = {
    "whole": lambda has, asked: has == asked,
    "whole, in any case": lambda has, asked: has.lower() == asked.lower(),
    "a part": lambda has, asked: asked.lower() in has.lower(),
    "the beginning": lambda has, asked: has.startswith(asked),
    "the end": lambda has, asked: has.endswith(asked),
    "a pattern": lambda has, asked: bool(
        re.fullmatch(re.escape(asked).replace("_", "."), has, re.IGNORECASE)
    ),
    "what contains it": lambda has, asked: has in asked,
    "without tags and dots": lambda has, asked: untagged(has) == untagged(asked),
    "its domain": lambda has, asked: has.partition("@")[2] == asked.partition("@")[2],
    "any word": lambda has, asked: bool(words(has) & words(asked)),
    "all words": lambda has, asked: words(asked) <= words(has),
    "not at all": lambda *_: True,
    "to nobody": lambda *_: False,
}
FORMS: Mapping[str, Form] = {
    "each": lambda asked: asked,
    "the first": lambda asked: asked[:1],
    "the last": lambda asked: asked[-1:],
    "the first five": lambda asked: asked[:5],
    "the last five": lambda asked: asked[-5:],
    "the first and the last": lambda asked: [asked[0], asked[-1]],
    "joined": lambda asked: [",".join(asked)],
    **{f"joined, of {most} letters": joined_and_cut(most) for most in LENGTHS},
    "none if one looks wrong": lambda asked: ["nobody"] if {*asked} & {*LOOKING_WRONG} else asked,
    "none if there are many": lambda asked: asked if len(asked) < 12 else ["nobody"],
    "everybody": lambda _: [],
    "everybody if there are many": lambda asked: asked if len(asked) < 12 else [],
    "400": lambda _: 400,
    "403 if there are many": lambda asked: asked if len(asked) < 12 else 403,
    "404": lambda _: 404,
    "414 if there are many": lambda asked: asked if len(asked) < 12 else 414,
    "500": lambda _: 500,
}
ROWS: Mapping[str, Callable[[str], object]] = {
    "whole": lambda email: {"Id": 1, "Email": email, "Data": [{"Value": "somebody.else@x.example"}]},
    "nested": lambda email: {"Id": 1, "Contact": {"Mails": [{"Value": f" {email} "}]}},
    "somebody else's": lambda _: {"Id": 1, "EmployeeMail": "staff@x.example"},
    "thin": lambda _: {"Id": 1},
}


@dataclass
class Tenant:
    """A tenant of some kind, with customers by their address."""

    customers: Counter[str]
    compare: str = "whole"
    form: str = "each"
    row: str = "whole"
    most: int = 10**6
    """To how many it counts."""
    date: str = NOON
    changes: Mapping[int, Callable[[Counter[str]], object]] = field(default_factory=dict)
    """What happens to the customers before a request, by its number."""
    asked: list[Sequence[str]] = field(default_factory=list)
    """The addresses of each request, none for a list of customers."""
    queries: list[str] = field(default_factory=list)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        query = parse_qs(environ["QUERY_STRING"])
        emails = query.get("EmailAddresses", [])
        if happens := self.changes.get(len(self.asked)):
            happens(self.customers)
        self.asked.append(emails)
        self.queries.append(environ["QUERY_STRING"])
        is_count = environ["PATH_INFO"].endswith("/count")
        status, document = self._count(emails) if is_count else self._list(query)
        start_response(f"{status} -", [("Content-Type", "application/json"), ("Date", self.date)])
        return [json.dumps(document).encode()]

    def _count(self, emails: Sequence[str]) -> tuple[int, object]:
        obeyed = FORMS[self.form](emails) if len(emails) > 1 else emails
        if isinstance(obeyed, int):
            return obeyed, {}
        return 200, {"CustomerCount": min(self.most, self.count(obeyed))}

    def count(self, emails: Sequence[str]) -> int:
        """Return how many customers are found by any of the addresses, everybody by none."""
        found = COMPARES[self.compare]
        return sum(
            number
            for has, number in self.customers.items()
            if not emails or any(found(has, email) for email in emails)
        )

    def _list(self, query: Mapping[str, Sequence[str]]) -> tuple[int, object]:
        limit = int(query["Limit"][0])
        rows = [ROWS[self.row](email) for email in self.customers.elements()]
        return 200, {"Customers": rows[:limit], "NextCursor": "next" if rows[limit:] else None}


@contextmanager
def census(tenant: WSGIApplication) -> Iterator[Census]:
    """Open a census of a tenant, that waits for nothing."""
    with open_expoints(
        "http://localhost", Secret("token"), transport=wsgi_transport(tenant), bounds=Bounds(total_wait=0)
    ) as customers:
        yield Census(customers, lambda email: "never" not in email)


def counted(census: Census, emails: Sequence[str]) -> dict[str, int]:
    """Return the addresses that have customers, with how many."""
    return {email: count.customers for email, count in census.counts(emails).items() if count.customers}


SEED = [f"smoke+{number:03}@qa.example" for number in range(300)]
EARLIER = Counter(
    {f"earlier.{name}@x.example": 1 + at % 3 for at, name in enumerate(["ann", "bob", "cyd", "dee"])}
)


class TestWhereAListIsObeyed:
    """A tenant that takes several addresses for what they look like."""

    def test_a_seed_of_unknown_mailboxes_takes_few_requests(self) -> None:
        tenant = Tenant(Counter(EARLIER))
        with census(tenant) as here:
            assert counted(here, SEED) == {}
        assert len(tenant.asked) < 25
        assert max(map(len, tenant.queries)) < LONGEST_QUERY + 100

    @pytest.mark.parametrize("row", ["whole", "nested"])
    @pytest.mark.parametrize("share", [0.01, 0.1])
    def test_those_that_are_known_are_found_with_their_counts(self, row: str, share: float) -> None:
        known = dict.fromkeys(SEED[:: round(1 / share)], 1)
        tenant = Tenant(EARLIER + Counter(known), row=row)
        with census(tenant) as here:
            assert counted(here, SEED) == known
        assert len(tenant.asked) < (0.3 if share < 0.05 else 0.85) * len(SEED)

    def test_where_everybody_is_known_hardly_a_request_is_wasted(self) -> None:
        tenant = Tenant(EARLIER + Counter(SEED))
        with census(tenant) as here:
            assert counted(here, SEED) == dict.fromkeys(SEED, 1)
        assert len(tenant.asked) < 1.1 * len(SEED)

    def test_a_second_look_starts_where_the_first_one_ended(self) -> None:
        tenant = Tenant(Counter(EARLIER))
        with census(tenant) as here:
            here.counts(SEED)
            before = len(tenant.asked)
            assert counted(here, SEED[:30]) == {}
        assert len(tenant.asked) - before == 5  # a list, and after it the trial and the canaries two by two

    def test_after_a_lost_journal_the_seed_has_canaries_of_its_own(self) -> None:
        tenant = Tenant(Counter(SEED), row="thin")
        with census(tenant) as here:
            assert counted(here, SEED) == dict.fromkeys(SEED, 1)
        assert any(len(asked) > 1 for asked in tenant.asked)

    def test_nobody_is_asked_for_who_may_not_be_sent_to(self) -> None:
        real = Counter({f"never.{name}@x.example": 1 for name in ("ann", "bob", "cyd")})
        tenant = Tenant(real)
        with census(tenant) as here:
            assert counted(here, SEED) == {}
        assert not {email for asked in tenant.asked for email in asked} & {*real}

    def test_without_rows_that_show_an_address_those_that_were_suggested_are_canaries(self) -> None:
        tenant = Tenant(EARLIER + Counter(SEED[:50]), row="thin")
        with census(tenant) as here:
            here.suggest(SEED[:50])
            assert counted(here, SEED[50:]) == {}
        assert len(tenant.asked) < 30

    def test_no_list_was_ever_asked_for_before(self) -> None:
        tenant = Tenant(Counter(EARLIER))
        for _ in range(2):
            with census(tenant) as here:
                here.counts(SEED)
        lists = [query for query, asked in zip(tenant.queries, tenant.asked, strict=True) if len(asked) > 1]
        assert len(lists) == len(set(lists))


class TestFewAddresses:
    """Where asking together would save nothing."""

    @pytest.mark.parametrize("number", [0, 1, FEW, 20])
    def test_each_is_counted_by_itself(self, number: int) -> None:
        tenant = Tenant(EARLIER + Counter(SEED[:2]))
        with census(tenant) as here:
            assert counted(here, SEED[:number]) == dict.fromkeys(SEED[: min(number, 2)], 1)
        assert tenant.asked == [[email] for email in SEED[:number]]

    def test_addresses_of_odd_form_are_never_in_a_list(self) -> None:
        odd = ["o'neill@x.example", "a%b@x.example", "a,b@x.example", "ü@x.example", '"a b"@x.example']
        tenant = Tenant(Counter(EARLIER))
        with census(tenant) as here:
            here.counts([*SEED, *odd])
        assert not {email for asked in tenant.asked if len(asked) > 1 for email in asked} & {*odd}


@pytest.mark.parametrize("form", [form for form in FORMS if form != "each"])
@pytest.mark.parametrize("row", ["whole", "thin"])
def test_any_other_form_costs_little_more_than_counting_one_by_one(form: str, row: str) -> None:
    known = dict.fromkeys(SEED[::30], 1)
    tenant = Tenant(EARLIER + Counter(known), form=form, row=row)
    with census(tenant) as here:
        assert counted(here, SEED) == known
        first = len(tenant.asked)
        assert counted(here, SEED) == known
    assert first <= len(SEED) + 40
    assert len(tenant.asked) - first <= len(SEED) + 40


@pytest.mark.parametrize("most", LENGTHS)
def test_a_list_that_is_cut_where_the_trial_was_not_hides_nobody(most: int) -> None:
    """The last canary is cut off, and somebody else's customer makes up for it."""
    form = f"joined, of {most} letters"
    emails = [f"smoke.test.of.a.rather.long.mailbox.{at:02}@quality.assurance.example" for at in range(60)]
    tenant = Tenant(Counter([*EARLIER, emails[2]]), form=form)
    with census(tenant) as here:
        assert counted(here, emails) == {emails[2]: 1}


def test_a_form_that_was_not_obeyed_is_not_tried_again() -> None:
    tenant = Tenant(Counter(EARLIER), form="the first")
    with census(tenant) as here:
        here.counts(SEED)
        before = len(tenant.asked)
        here.counts(SEED)
    assert tenant.asked[before:] == [[email] for email in SEED]


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("form", FORMS)
def test_one_that_is_known_is_not_taken_for_a_canary_that_was_not_counted(form: str, number: int) -> None:
    tenant = Tenant(EARLIER + Counter({SEED[1]: number}), form=form)
    with census(tenant) as here:
        assert counted(here, SEED) == {SEED[1]: number}


@pytest.mark.parametrize("at", [10, 50, 90])
class TestCanariesThatAddressesAreAkinTo:
    """A tenant that finds the customers of one address by another, beside any two of three canaries."""

    def test_in_other_letters(self, at: int) -> None:
        tenant = Tenant(EARLIER + Counter(["JOHN@x.example"]), "whole, in any case")
        with census(tenant) as here:
            here.suggest(["JOHN@x.example"])
            assert counted(here, [*SEED[:at], "john@x.example", *SEED[at:]]) == {"john@x.example": 1}

    def test_by_a_pattern(self, at: int) -> None:
        tenant = Tenant(EARLIER + Counter(["x_y@x.example", "xzy@x.example"]), "a pattern")
        with census(tenant) as here:
            here.suggest(["x_y@x.example"])
            assert counted(here, [*SEED[:at], "xzy@x.example", *SEED[at:]]) == {"xzy@x.example": 1}

    @pytest.mark.parametrize("compare", ["its domain", "any word", "without tags and dots", "a part"])
    def test_by_less_than_the_whole(self, at: int, compare: str) -> None:
        canaries = ["ann+1@a.example", "bob+2@b.example", "cyd+3@c.example"]
        known = ["dee@a.example", "ann+4@a.example", "0ann+1@a.example"]
        tenant = Tenant(Counter([*canaries, *known]), compare, row="thin")
        with census(tenant) as here:
            here.suggest(canaries)
            found = counted(here, [*SEED[:at], *known, *SEED[at:]])
        assert [email for email in known if email not in found] == []


class TestATenantWithFewCustomers:
    """Too few for three canaries: nothing proves what a list means."""

    def test_two_of_which_one_finds_the_other_are_not_all(self) -> None:
        two = ["ohn@x.example", "john@x.example"]
        tenant = Tenant(Counter([*two, SEED[0]]), "a part", row="thin")
        with census(tenant) as here:
            here.suggest(two)
            assert counted(here, SEED) == {SEED[0]: 1}

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_each_address_is_counted_by_itself(self, number: int) -> None:
        tenant = Tenant(Counter(dict(EARLIER.most_common(number))))
        with census(tenant) as here:
            assert counted(here, SEED) == {}
        assert {email for asked in tenant.asked for email in asked} >= {*SEED}
        assert len(tenant.asked) < len(SEED) + 20

    def test_somebody_whose_address_is_not_shown_has_some(self) -> None:
        tenant = Tenant(Counter(SEED[:1]), row="thin")
        with census(tenant) as here:
            assert counted(here, SEED) == {SEED[0]: 1}


class TestChanges:
    """Customers that come and go while others are counted."""

    def test_a_canary_that_loses_what_an_address_has_hides_nothing(self) -> None:
        known = SEED[5]
        tenant = Tenant(EARLIER + Counter([known]))
        gone = [email for email, number in EARLIER.items() if number == 1]
        tenant.changes = {9: lambda customers: customers.subtract(gone[:1])}
        with census(tenant) as here:
            assert counted(here, SEED) == {known: 1}

    @pytest.mark.parametrize("at", range(4, 20))
    def test_a_customer_that_goes_from_one_canary_to_another_hides_nothing(self, at: int) -> None:
        """The sum of the canaries stays, for good; what two of them have does not."""
        known = SEED[5::40]
        tenant = Tenant(EARLIER + Counter(known))

        def swap(customers: Counter[str]) -> None:
            customers["earlier.bob@x.example"] -= 1
            customers["earlier.ann@x.example"] += 1

        tenant.changes = {at: swap}
        with census(tenant) as here:
            assert counted(here, SEED) == dict.fromkeys(known, 1)

    def test_canaries_that_keep_changing_are_given_up(self) -> None:
        tenant = Tenant(Counter(EARLIER))
        tenant.changes = {at: lambda customers: customers.update([*EARLIER]) for at in range(2_000)}
        with census(tenant) as here:
            for _ in range(3):
                assert counted(here, SEED) == {}
        assert len(tenant.asked) < 3 * len(SEED) + 100


def test_lost_rights_are_an_error_as_ever() -> None:
    tenant = Tenant(Counter(EARLIER))

    def refused(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if len(tenant.asked) > 6:
            start_response("403 -", [("Content-Type", "application/json")])
            return [b"{}"]
        return tenant(environ, start_response)

    with (
        open_expoints("http://localhost", Secret("token"), transport=wsgi_transport(refused)) as customers,
        pytest.raises(Forbidden),
    ):
        Census(customers, lambda _: True).counts(SEED)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 408, 429, 500, 501, 503])
@pytest.mark.parametrize("number", [0, 1, 4])
def test_what_need_not_be_answered_stops_nothing(status: int, number: int) -> None:
    """The list of customers was never asked for before."""
    tenant = Tenant(Counter(dict(EARLIER.most_common(number))))
    refused: list[str] = []

    def lacking(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].endswith("/customer"):
            refused.append(environ["QUERY_STRING"])
            start_response(f"{status} -", [("Content-Type", "application/json")])
            return [b"{}"]
        return tenant(environ, start_response)

    with census(lacking) as here:
        for _ in range(3):
            assert counted(here, SEED[:40]) == {}
    assert len(refused) < 5


# Addresses that some tenant may take for each other, or find in each other.
LOCALS = (
    *("john", "ohn", "john.doe", "johndoe", "doe", "john+1", "john+12", "JOHN", "x_y", "xzy", "xy"),
    *("smoke+1", "smoke+11", "smoke+7", "a", "ab", "smoke", "moke+1", "1smoke+1"),
)
ADDRESSES = [f"{local}@{domain}" for local in LOCALS for domain in ("x.example", "y.example")]
OTHERS = [f"other{number}@z.example" for number in range(24)]


@given(
    compare=st.sampled_from(sorted(COMPARES)),
    form=st.sampled_from(sorted(FORMS)),
    row=st.sampled_from(sorted(ROWS)),
    most=st.sampled_from([1, 2, 3, 4, 5, 6, 10**6]),
    customers=st.dictionaries(st.sampled_from([*ADDRESSES, *OTHERS]), st.integers(1, 3), max_size=8),
    asked=st.lists(st.sampled_from(ADDRESSES), unique=True),
    suggested=st.lists(st.sampled_from([*ADDRESSES, *OTHERS]), max_size=6),
)
@settings(max_examples=300, deadline=None)
def test_nobody_with_customers_ever_looks_unknown(
    compare: str,
    form: str,
    row: str,
    most: int,
    customers: dict[str, int],
    asked: list[str],
    suggested: list[str],
) -> None:
    """What one address by itself would show of its own customers, many show of each."""
    tenant = Tenant(Counter(customers), compare, form, row, most)
    emails = [*asked, *OTHERS]
    with census(tenant) as here:
        here.suggest(suggested)
        counts = here.counts(emails)
    known = {email for email in emails if customers.get(email) and tenant.count([email])}
    assert {email for email in known if not counts[email].customers} == set()
    for email in known:
        assert counts[email].customers == min(most, tenant.count([email]))
