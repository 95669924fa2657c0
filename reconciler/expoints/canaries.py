"""Canaries: addresses that are known to have customers, by which an answer about many addresses is told.

Pure, but for addresses that are made up by chance. U: how a tenant compares addresses; so what it may take
for a canary, or may find one in, is akin to that and not asked for beside it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from string import ascii_lowercase
from typing import ClassVar, NamedTuple

from reconciler.discreet import Discreet
from reconciler.engine.kind import Json
from reconciler.expoints.answers import Row
from reconciler.expoints.client import length_of, portions

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_WORD = re.compile(r"[a-z0-9]+")
_START = re.compile(r"^[^A-Za-z0-9]+")
_MARKS = str.maketrans("", "", "._+-@")
_LONGEST = 100
_DEEPEST = 6
_MOST_AKIN = 3


class Canary(Discreet, frozen=True):
    """An address that has customers, and how many: more than 0."""

    shown: ClassVar = ("customers",)

    email: str
    customers: int


class Trio(NamedTuple):
    """Three canaries, in the order in which they stand in a trial."""

    first: Canary
    middle: Canary
    last: Canary


class Suspects(Discreet, frozen=True):
    """Addresses that are asked for together, between two canaries and beside a nobody.

    No cache on the way can know the answer, for nobody asked for the same before.
    """

    shown: ClassVar = ("canaries",)

    emails: Sequence[str]
    canaries: tuple[Canary, Canary]

    @property
    def asked(self) -> Sequence[str]:
        """Every address of the request, a canary first and a canary last."""
        first, last = self.canaries
        return [first.email, nobody(), *self.emails, last.email]

    @property
    def expected(self) -> int:
        """The answer that says that the canaries were counted, and nobody else."""
        return sum(canary.customers for canary in self.canaries)


def nobody() -> str:
    """Return an address that nobody has, always as long, and tagged as those of test mailboxes often are."""
    return f"{secrets.choice(ascii_lowercase)}o+{secrets.token_hex(4)}@{secrets.token_hex(2)}.example"


_A_NOBODY = nobody()  # for its length


def trial(trio: Trio, length: int) -> Sequence[str]:
    """Return the canaries, with as many nobodies between them as so many characters hold.

    Its answer is that of the canaries together, if places from the first to the last mean the same: the one
    between them is another one from trial to trial.
    """
    first, middle, last = (canary.email for canary in trio)
    nobodies = [nobody() for _ in range(_room(trio, length) // length_of(_A_NOBODY))]
    place = secrets.randbelow(len(nobodies) + 1)
    return [first, *nobodies[:place], middle, *nobodies[place:], last]


def pairs(trio: Trio) -> Sequence[Suspects]:
    """Return the canaries two by two: what all three sums say, each of them has."""
    return [Suspects((), pair) for pair in _pairs(trio)]


def _pairs(trio: Trio) -> Sequence[tuple[Canary, Canary]]:
    return [(trio.first, trio.last), (trio.middle, trio.first), (trio.last, trio.middle)]


def suspects(emails: Iterable[str], trio: Trio, length: int, most: int | None = None) -> Iterator[Suspects]:
    """Yield the addresses in lists that are neither longer nor fuller than the trial of that length.

    At most `most` of them stand in a list. Its canaries are two, and others from list to list: with the third
    the tenant has shown in the trial that it counts to more than is expected here.
    """
    a_nobody = length_of(_A_NOBODY)
    nobodies = _room(trio, length) // a_nobody
    # A nobody of its own takes the place of one in the trial; that of the third canary is left empty.
    room, fullest = (nobodies - 1) * a_nobody, nobodies - 1
    short = (email for email in emails if _length_beside_nobodies(email) <= room)
    lists = portions(short, room, min(fullest, most or fullest), _length_beside_nobodies)
    for number, portion in enumerate(lists):
        yield Suspects(portion, _pairs(trio)[number % len(trio)])


def _length_beside_nobodies(email: str) -> int:
    """Return how long an address is, as the share that it takes of a query, or of its nobodies' mere texts.

    The larger of both: a tenant may cut the query at a length, or the texts that it has put together.
    """
    return max(length_of(email), -(-len(email) * length_of(_A_NOBODY) // len(_A_NOBODY)))


def _room(trio: Trio, length: int) -> int:
    return length - sum(length_of(canary.email) for canary in trio)


def is_plain(email: str) -> bool:
    """Tell whether an address is of usual form: nothing in it makes a list, a pattern or another address."""
    return len(email) <= _LONGEST and _PLAIN.fullmatch(email) is not None


class Crowd(Discreet, frozen=True):
    """Plain addresses, many of them, and what of each words are looked for in."""

    emails: Mapping[str, str]
    everything: str

    def __len__(self) -> int:
        return len(self.emails)

    def akin(self, canary: str) -> Iterator[str]:
        """Yield those whose customers may be among those of a canary.

        So they may if every word of its local part is in them: then the canary could be a part of the
        address, a pattern that it matches, or the same mailbox in other spelling, with other dots, or without
        its tag.
        """
        words = _WORD.findall(canary.lower().partition("@")[0])
        if all(word in self.everything for word in words):
            for email, letters in self.emails.items():
                if all(word in letters for word in words):
                    yield email

    def without_kin(self, canaries: Iterable[Canary]) -> list[str]:
        """Return those that are akin to none of the canaries."""
        kin = {email for canary in canaries for email in self.akin(canary.email)}
        return [email for email in self.emails if email not in kin]

    def suits(self, canary: str) -> bool:
        """Tell whether a canary is plain too, has neighbours, and can be told from all but a few of them."""
        if not is_plain(canary) or canary[1] == "@":
            return False
        return len(list(islice(self.akin(canary), _MOST_AKIN + 1))) <= _MOST_AKIN


def crowd(emails: Iterable[str]) -> Crowd:
    """Return those of the addresses that are plain."""
    letters = {email: email.lower().translate(_MARKS) for email in emails if is_plain(email)}
    return Crowd(letters, "\n".join(letters.values()))


def neighbours(canary: str) -> Sequence[str]:
    """Return addresses that nobody has unless by chance, each near a canary in a way of its own.

    A tenant that counts nobody for them compares whole addresses: neither a part of one, nor its end, its
    domain, its words, or what is left of it without a tag.
    """
    local, _, domain = canary.partition("@")
    mark = secrets.token_hex(6)
    end = _START.sub("", canary[1:])
    return [end, f"{mark}{canary}", f"{local.partition('+')[0]}+{mark}@{domain}"]


def sample(items: Sequence[str], most: int) -> Sequence[str]:
    """Return at most so many of the items, from all parts of them."""
    step = max(1, -(-len(items) // most))
    return items[::step]


def candidates(rows: Sequence[Row]) -> Sequence[str]:
    """Return what looks like the address of a customer in rows of the list, the likeliest first.

    U: what a row shows, and under which name. So it may stand anywhere, and somebody else's may be taken for
    it; only a count tells.
    """
    found = [pair for row in rows for pair in _texts(dict(row), "", _DEEPEST)]
    likely = sorted(found, key=lambda pair: "mail" not in pair[0].lower())
    return list(dict.fromkeys(text for _, text in likely if is_plain(text)))


def _texts(value: Json, name: str, deepest: int) -> Iterator[tuple[str, str]]:
    """Yield every text in a value, with the name of the member in which it stands."""
    if isinstance(value, str):
        yield name, value.strip()
    elif deepest and isinstance(value, list):
        for item in value:
            yield from _texts(item, name, deepest - 1)
    elif deepest and isinstance(value, dict):
        for inner, item in value.items():
            yield from _texts(item, inner, deepest - 1)
