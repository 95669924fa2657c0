"""Whatever a file looks like: an edit changes the lines that it is about, and the data that it is about."""

from __future__ import annotations

import copy
import difflib
import re
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.config.edits import REMOVE, Edits, Put, edit, ordered, same
from reconciler.config.yaml import read
from tests.editing.layouts import KEYS, Written, paths, scalars, values, written

LINE = re.compile(rb"[^\r\n]*(?:\r\n|[\r\n]|$)")


def loaded(content: bytes) -> Any:
    document = read(content, "any.yaml")
    assert document.problems == ()
    return document.top.value


def lines(content: bytes) -> list[bytes]:
    return [line.rstrip(b"\r\n") for line in LINE.findall(content.removeprefix(b"\xef\xbb\xbf"))][:-1]


def put(value: Any) -> Put:
    """Return the edit that sets a value; `...` is nothing."""
    return REMOVE if value is ... else Put(value)


def changed(data: Any, path: tuple[str, ...], value: Any) -> Any:
    """Return the data with a value somewhere; `...` is nothing."""
    here = data = copy.deepcopy(data)
    for step in path[:-1]:
        here = here.setdefault(step, {})
    if value is ...:
        del here[path[-1]]
    else:
        here[path[-1]] = value
    return data


def gone_and_come(before: bytes, after: bytes) -> tuple[list[str], list[str]]:
    """Return the lines that an edit took away and those that it brought."""
    old, new = ([line.decode("latin-1") for line in lines(content)] for content in (before, after))
    diff = [*difflib.ndiff(old, new)]
    return [one for one in diff if one.startswith("- ")], [one for one in diff if one.startswith("+ ")]


@given(written())
def test_an_edit_to_what_is_there_already_changes_no_byte(drawn: Written) -> None:
    """The files of these tests are good ones, so that a refusal below is a fault of the editor."""
    assert same(loaded(drawn.content), drawn.data)
    edits: Edits = {(key,): Put(value) for key, value in drawn.data.items()}
    assert edit(drawn.content, "any.yaml", edits) == drawn.content


@given(st.data(), written())
def test_a_value_is_replaced_or_goes_where_it_stands(data: st.DataObject, drawn: Written) -> None:
    """Any value by any other: the data differ there only, and all lines but those of the value stay."""
    if not drawn.data:
        return
    path = data.draw(st.sampled_from([*paths(drawn.data)]))
    value = data.draw(st.one_of(values, scalars, st.just(...)))
    after = edit(drawn.content, "any.yaml", {path: put(value)})
    assert same(loaded(after), changed(drawn.data, path, value))
    if value is ...:
        assert len(gone_and_come(drawn.content, after)[1]) <= 1
        return
    # All lines but those on which, by another reader, the value stands are as before and in their order.
    first, last = span(drawn.content, path)
    old, new = lines(drawn.content), lines(after)
    assert new[:first] == old[:first]
    assert new[len(new) - len(old[last:]) :] == old[last:]


@given(st.data(), written(), st.sampled_from(KEYS), values)
def test_a_new_key_adds_lines_and_takes_none_away(
    data: st.DataObject, drawn: Written, key: str, value: Any
) -> None:
    """Beside others, or below mappings that are not there yet; a flow mapping grows on its line."""
    above = [(), *(path for path in paths(drawn.data) if isinstance(at(drawn.data, path), dict))]
    path = (*data.draw(st.sampled_from(above)), key)
    if key in at(drawn.data, path[:-1]):
        return
    below = data.draw(st.sampled_from([(), ("new",), ("new", "newer")]))
    after = edit(drawn.content, "any.yaml", {(*path, *below): Put(value)})
    assert same(loaded(after), changed(drawn.data, (*path, *below), value))
    gone, _ = gone_and_come(drawn.content, after)
    assert len(gone) <= 1
    assert all("{" in line or "[" in line for line in gone)


def at(data: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        data = data[step]
    return data


def span(content: bytes, path: tuple[str, ...]) -> tuple[int, int]:
    """Return the first line of an entry, and the one behind its last."""
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    node = YAML(typ="rt", pure=True).compose(text)
    for step in path:
        key, node = next(pair for pair in node.value if pair[0].value == step)
    found = text.splitlines()
    last = node.end_mark.line + (node.end_mark.column > 0)
    while "|-" not in text and last > key.start_mark.line + 1:
        if found[last - 1].strip() and not found[last - 1].lstrip().startswith("#"):
            break
        last -= 1
    return key.start_mark.line, last


@given(written(), st.permutations(KEYS))
def test_in_any_layout_lines_move_and_data_stay(drawn: Written, order: list[str]) -> None:
    """No line is made or lost, but in flow style; what is in order stays; what has no order stays."""
    after = ordered(drawn.content, "a.yaml", lambda _: order)
    assert same(loaded(after), drawn.data)
    assert ordered(after, "a.yaml", lambda _: order) == after
    assert ordered(drawn.content, "a.yaml", lambda _: ()) == drawn.content
    if b"{" not in drawn.content:
        assert Counter(lines(after)) == Counter(lines(drawn.content))
