"""How many customers each of many addresses has, by far fewer requests than addresses where that is proven.

D (GET-api-v3-customer-count): `EmailAddresses` is a collection. I: repeated keys stand for a list. U: if they
do. A tenant may obey the first only, or the last, a number of them, none, or all together as one text; it may
ignore the filter, or refuse the request. A mailbox that looks unknown and is not would be mailed twice, so
nothing is believed of a list but what the tenant proves:

    a list          [a canary, a nobody, many addresses, another canary], answered with exactly the counts of
                    the two canaries: each was taken, the first and the last, and no other has a customer
    canaries        counted above 0 by themselves before, and in a trial, with a third one between them, amid
                    nobodies: so all places count, their customers are not the same, and the tenant counts to
                    more than is expected of any list; and no list is longer than the trial
    after each lot  the trial again, and the canaries two by two: had what a list means changed, or what any
                    of them has, nothing is believed of the lot
    neighbours      of a canary have nobody: addresses are compared whole, so no canary hides another's
                    customers; what may still be akin to one is counted by itself

Canaries are addresses of which the journal says that they were sent to, of the many themselves, or of the
tenant's customers; of those, nobody is asked about who is not allowed to be sent to.

What remains: a tenant of which some parts obey lists and others do not, if a list comes to one of these and
every trial to one of those; a canary that loses as many customers as others in a list have, and gets them
back before it is asked for again; an address that the tenant leaves out of a list because of its letters,
though it finds it alone; two addresses without a common word that are one mailbox for the tenant. Nothing of
this is a form of the API. Everything else is counted one by one, as is what a list does not prove. What
failed once is not tried again in this run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from reconciler.engine.each import Each, one_by_one
from reconciler.errors import BadAnswer, Declined, Forbidden, NotFound, Unauthorised, Unreachable
from reconciler.expoints.canaries import (
    Canary,
    Crowd,
    Suspects,
    Trio,
    candidates,
    crowd,
    neighbours,
    pairs,
    sample,
    suspects,
    trial,
)
from reconciler.expoints.client import LONGEST_QUERY, Count, Customers

FEW = 3
"""So many addresses are counted one by one, always."""
_SOME = 30  # so many are, where nothing is known of lists yet: finding out takes about as many requests
_LENGTHS = (LONGEST_QUERY, LONGEST_QUERY // 2, LONGEST_QUERY // 4)
_MOST_SAMPLED = 24
_MOST_TRIED = 12  # candidates for canaries, in one run
_MOST_FAILURES = 3
_THREE = len(Trio._fields)
_LABEL = "Counting customers"
# Of a request that the tenant does not take as it is. Whether it takes others, those one by one will tell.
# A 401 is among them: ASP.NET answers it to rights that are missing too (I).
_UNFIT = (Declined, NotFound, BadAnswer, Forbidden, Unauthorised)

Result = TypeVar("Result")


class Census:
    """Counts the customers of addresses at one tenant, during one run. Reads only. For one thread.

    It remembers, for the run, which canaries there are and what lists mean. `is_allowed` tells whom the
    target may send to: the address of no other customer is asked for. `each` makes several requests at a time
    if it can.
    """

    def __init__(self, client: Customers, is_allowed: Callable[[str], bool], each: Each = one_by_one) -> None:
        self._client = client
        self._is_allowed = is_allowed
        self._each = each
        self._canaries: Sequence[Canary] = ()
        self._suggested: Sequence[str] = ()
        self._tried: set[str] = set()  # those that were counted to become canaries
        self._has_looked = False  # for candidates, among the customers of the tenant
        self._compares_whole: bool | None = None
        self._length = 0  # of the trial that was passed
        self._failures = 0

    def suggest(self, emails: Sequence[str]) -> None:
        """Name addresses that probably have customers."""
        self._suggested = [*sample(emails, _MOST_SAMPLED), *self._suggested][:_MOST_SAMPLED]

    def counts(self, emails: Iterable[str]) -> Mapping[str, Count]:
        """Return how many customers each address has, by the address as it was given.

        Errors: `ApiError`, as of `Customers.count`.
        """
        addresses = list(dict.fromkeys(emails))
        plain = crowd(addresses)
        unknown = self._unknown(plain) if self._is_worth_it(plain) else {}
        rest = [email for email in addresses if email not in unknown]
        found = {**unknown, **self._client.counts_by_address(rest, self._each)}
        return {email: found[email] for email in addresses}

    def _is_worth_it(self, addresses: Crowd) -> bool:
        return not self._gave_up and len(addresses) > (FEW if self._length else _SOME)

    @property
    def _gave_up(self) -> bool:
        return self._failures >= _MOST_FAILURES

    def _give_up(self) -> None:
        self._failures = _MOST_FAILURES

    def _unknown(self, addresses: Crowd) -> dict[str, Count]:
        """Return those of the addresses that are proven to have no customers."""
        trio = self._trio(addresses)
        if trio is None or not self._can_list(trio):
            return {}
        return self._in_lists(addresses.without_kin(trio), trio)

    def _in_lists(self, addresses: Sequence[str], trio: Trio) -> dict[str, Count]:
        """Return those of the addresses that lists prove to have no customers.

        A list that has some is divided into twice as many as there are customers, so that most have none.
        """
        unknown: dict[str, Count] = {}
        lists = list(suspects(addresses, trio, self._length))
        while lists:
            answers = self._each(self._answer, lists, _LABEL)
            if not self._passes_again(trio):
                self._start_anew()
                break
            smaller: list[Suspects] = []
            for suspected, answer in zip(lists, answers, strict=True):
                excess = answer.customers - suspected.expected if answer else -1
                if answer and excess == 0:
                    unknown |= dict.fromkeys(suspected.emails, Count(0, answer.at))
                elif excess > 0:
                    smaller += self._divided(suspected, 2 * excess, trio)
            lists = smaller
        return unknown

    def _divided(self, suspected: Suspects, parts: int, trio: Trio) -> Iterator[Suspects]:
        """Yield a list in so many parts; none where they are so small that one by one is better."""
        size = -(-len(suspected.emails) // parts)
        if size > FEW:
            yield from suspects(suspected.emails, trio, self._length, size)

    def _answer(self, suspected: Suspects) -> Count | None:
        return self._together(suspected.asked)

    def _can_list(self, trio: Trio) -> bool:
        """Find out, once, how long lists may be; tell whether they can be used."""
        if not self._length:
            self._length = next((length for length in _LENGTHS if self._passes(trio, length)), 0)
            if not self._length or not self._is_whole():
                self._give_up()
        return not self._gave_up

    def _passes(self, trio: Trio, length: int) -> bool:
        answer = self._together(trial(trio, length))
        return answer is not None and answer.customers == sum(canary.customers for canary in trio)

    def _passes_again(self, trio: Trio) -> bool:
        """Tell whether the trial is passed still, and each canary has what it had: no sum hides a change."""
        two_by_two = pairs(trio)
        answers = self._each(self._answer, two_by_two, _LABEL)
        is_same = all(
            answer is not None and answer.customers == pair.expected
            for pair, answer in zip(two_by_two, answers, strict=True)
        )
        return is_same and self._passes(trio, self._length)

    def _together(self, emails: Sequence[str]) -> Count | None:
        """Return what the tenant answers to addresses together, None where it does not take them so."""
        return self._optional(lambda: self._client.count_together(emails))

    def _optional(self, ask: Callable[[], Result]) -> Result | None:
        """Return an answer that counting one by one can do without, None where there is none."""
        if self._gave_up:
            return None
        try:
            return ask()
        except _UNFIT:
            return None
        except Unreachable:
            # All patience is used up. Whether the tenant is gone, the next address by itself will tell.
            self._give_up()
            return None

    def _start_anew(self) -> None:
        """Count the canaries again, after a trial that was passed before has failed."""
        self._failures += 1
        self._canaries = self._counted([canary.email for canary in self._canaries])

    def _trio(self, addresses: Crowd) -> Trio | None:
        """Return three canaries of which hardly an address is kin, None where there are none.

        Candidates are those that were suggested, then a few of the addresses, which have customers if the
        journal that knew of them was lost, then, once a run, customers of the tenant.
        """
        sources: Sequence[Callable[[], Sequence[str]]] = (
            tuple,
            lambda: self._suggested,
            lambda: sample(list(addresses.emails), _THREE),
            self._listed,
        )
        for source in sources:
            self._try(source(), addresses)
            fit = self._fit(addresses)
            if len(fit) >= _THREE:
                return Trio(*fit[:_THREE])
        return None

    def _fit(self, addresses: Crowd) -> list[Canary]:
        return [canary for canary in self._canaries if addresses.suits(canary.email)]

    def _try(self, candidates: Sequence[str], addresses: Crowd) -> None:
        """Count candidates until there are three canaries that fit, as few as possible."""
        waiting = [c for c in candidates if c not in self._tried and addresses.suits(c)]
        while waiting:
            missing = min(_THREE - len(self._fit(addresses)), _MOST_TRIED - len(self._tried))
            if missing <= 0:
                return
            some, waiting = waiting[:missing], waiting[missing:]
            self._tried |= {*some}
            self._canaries = [*self._canaries, *self._counted(some)]

    def _counted(self, candidates: Sequence[str]) -> list[Canary]:
        """Return those of the candidates that have customers."""
        counts = self._singly(candidates)
        return [Canary(email, count.customers) for email, count in counts.items() if count.customers]

    def _listed(self) -> Sequence[str]:
        """Return what looks like addresses of test customers, the first time that it is asked for."""
        if self._has_looked:
            return ()
        self._has_looked = True
        rows = self._optional(self._client.some_customers) or ()
        return [email for email in candidates(rows) if self._is_allowed(email)]

    def _singly(self, emails: Sequence[str]) -> Mapping[str, Count]:
        """Return the counts of addresses by themselves; none at all where the tenant refuses one."""
        try:
            return self._client.counts_by_address(emails, self._each)
        except _UNFIT:
            return {}

    def _is_whole(self) -> bool:
        """Find out, once, whether the tenant compares whole addresses: a canary's neighbours have nobody."""
        if self._compares_whole is None:
            self._compares_whole = any(self._is_alone(one.email) for one in self._canaries[:_THREE])
        return self._compares_whole

    def _is_alone(self, canary: str) -> bool:
        near = neighbours(canary)
        counts = self._singly(near)
        return len(counts) == len(near) and not any(count.customers for count in counts.values())
