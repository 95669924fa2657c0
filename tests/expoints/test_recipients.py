from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.expoints.seed import is_one_address, masked, matches

CHARACTERS = [*string.ascii_letters, *string.digits, *"@@@.,;+-_'=*%!\"<>()[]:\\/ \t\r\n\x00\u202eéК。＠"]
ADDRESSISH = st.text(st.sampled_from(CHARACTERS), max_size=40)
LOCAL = st.text(st.sampled_from(string.ascii_letters + string.digits + "_+'=-"), min_size=1, max_size=20)
LABEL = st.text(st.sampled_from(string.ascii_lowercase), min_size=2, max_size=10)
DOMAIN = st.lists(LABEL, min_size=2, max_size=3).map(".".join)
ADDRESS = st.builds("{}@{}".format, LOCAL, DOMAIN)


NO_ADDRESSES = [
    *("", "a", "@example.com", "a@", "a@example", "a@b@example.com", "mailto:a@example.com", "a@example.c"),
    *("ceo@real.example,x@example.com", "ceo@real.example;x@example.com", "ceo@real.example x@example.com"),
    *("John <a@example.com>", "<a@example.com>", "John a@example.com", "a(ceo)@example.com"),
    *('"a b"@example.com', '"ceo@real.example,"@example.com', "a@example.com(x)"),
    *("a@[192.0.2.1]", "a@192.0.2.1", " a@example.com", "a@example.com ", "a@example.com\n"),
    *("a@example.com\r\nBcc: ceo@real.example", "a\x00@example.com", "a\u202e@example.com"),
    *("a@exаmple.com", "a@bücher.example", "é@example.com", "ａ@example.com", "a＠example.com"),
    *("ceo%real.example@example.com", "real.example!ceo@example.com", "*@example.com"),
    *(".a@example.com", "a.@example.com", "a..b@example.com", "a@.example.com", "a@example.com."),
    *("a@example..com", "a@-example.com", "a@example-.com"),
    *(f"{'a' * 65}@example.com", f"a@{'b' * 64}.com", f"a@{'b.' * 130}com"),
]


@pytest.mark.parametrize(
    "address",
    [
        *("a@example.com", "smoke+john.do@qa.example.com", "o'brien_x=1-2@ex-ample.co.uk"),
        *("A.B@EXAMPLE.COM", "a@xn--bcher-kva.example", f"{'a' * 64}@example.com"),
    ],
)
def test_one_plain_address_is_one(address: str) -> None:
    assert is_one_address(address)


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_anything_else_is_none(text: str) -> None:
    assert not is_one_address(text)
    assert not matches(text, ["*@example.com", text])
    assert masked(text) == "***"


@given(ADDRESS, ADDRESS, st.sampled_from([",", ";", " ", ", ", "\n", "\t", "><", '","', "%", "@"]))
@example("ceo@real.example", "x@example.com", ",")
def test_two_addresses_are_never_one(first: str, second: str, between: str) -> None:
    text = f"{first}{between}{second}"
    assert not is_one_address(text)
    assert not matches(
        text, ["*@example.com", f"*@{second.partition('@')[2]}", f"{first}{between}*@x.example"]
    )


@given(ADDRESSISH)
def test_whatever_passes_has_one_at_and_nothing_that_separates(text: str) -> None:
    if is_one_address(text):
        assert text.count("@") == 1
        assert text.isascii()
        assert text.isprintable()
        assert not set(text) & set(' ,;<>()[]"\\%!*:')


@pytest.mark.parametrize(
    ("pattern", "allowed", "others"),
    [
        ("*@example.com", ["a@example.com", "a@EXAMPLE.com"], ["a@sub.example.com", "a@notexample.com"]),
        ("*@example.com", [], ["a@example.com.evil.example", "a@exampleXcom.example", "a@exampleXcom"]),
        ("*@EXAMPLE.com", ["a@example.com"], []),
        ("qa+*@acme.example", ["qa+x@acme.example", "qa+@acme.example"], ["qa@acme.example"]),
        ("qa+*@acme.example", [], ["QA+x@acme.example"]),
        ("a*b*c@acme.example", ["aXbYc@acme.example"], ["acb@acme.example"]),
        ("qa@acme.example", ["qa@acme.example"], []),
        ("q?@acme.example", [], ["qa@acme.example"]),
        *((other, [], ["a@acme.example"]) for other in ("[a-z]@acme.example", "a@*", "*", "*@*.example", "")),
    ],
)
def test_a_star_stands_for_anything_before_the_at(
    pattern: str, allowed: list[str], others: list[str]
) -> None:
    assert [matches(address, [pattern]) for address in allowed] == [True] * len(allowed)
    assert [matches(address, [pattern]) for address in others] == [False] * len(others)


@given(ADDRESS)
def test_an_address_allows_itself_and_no_other_domain(address: str) -> None:
    local, _, domain = address.partition("@")
    assert matches(address, ["b@other.example", address])
    assert matches(address, [f"*@{domain.upper()}"])
    assert not matches(address, [f"{local}@not.{domain}", f"{local}@{domain}.not", f"*{domain}@x.example"])


@given(ADDRESS)
def test_a_masked_address_shows_one_letter_of_who_it_is(address: str) -> None:
    local, _, domain = address.partition("@")
    assert masked(address) == f"{local[0]}***@{domain}"
