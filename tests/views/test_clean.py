from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from monitor.views import clean
from tests.surfaces_fixture import HOSTILE

NASTY = st.text(
    st.one_of(
        st.characters(exclude_categories=[]),
        st.sampled_from(
            "\x1b\x9b\x07\r\n\t\0\x7f\u202e\u2066\u200b\ufeff\ud800\udfff\u0301\ufe0f\u3164=+-@'\"<>&[]\\|"
        ),
    ),
    max_size=60,
)


def harmful(char: str) -> bool:
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(NASTY)
def test_nothing_that_steers_a_terminal_comes_out(text):
    assert not any(harmful(char) for char in clean.terminal(text, 1000))
    assert not any(harmful(char) for char in clean.html(text, 1000))
    assert not any(harmful(char) for char in clean.markup(text, 1000).plain)
    assert not any(harmful(char) for char in clean.json_text(text))
    assert not any(harmful(char) and char not in "\t\r\n" for char in clean.csv_text(text))


@given(NASTY, st.integers(1, 80))
def test_cleaning_twice_changes_nothing_and_limits_hold(text, limit):
    once = clean.terminal(text, limit)
    assert clean.terminal(once, limit) == once
    assert len(once) <= limit
    field = clean.csv_text(text)
    assert clean.csv_text(field) == field


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=100))
def test_printable_ascii_is_unchanged(text):
    assert clean.terminal(text) == text
    assert json.loads(clean.json_text(text)) == text
    expected = "'" + text if text[:1] in set("=+-@") else text
    assert clean.csv_text(text) == expected


@given(st.text(max_size=60))
def test_json_keeps_every_valid_text_exactly_and_in_ascii(text):
    written = clean.json_text({"text": [text, 1, None, True]})
    assert written.isascii()
    assert json.loads(written) == {"text": [text, 1, None, True]}


def test_lone_surrogates_become_replacement_characters():
    assert clean.terminal("a\ud800b") == "a\ufffdb"
    assert clean.csv_text("\udfff") == "\ufffd"
    assert json.loads(clean.json_text({"\ud800": "\udc00"})) == {"\ufffd": "\ufffd"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_a_formula_gets_the_documented_prefix(start):
    assert clean.csv_text(start + "SUM(A1)") == "'" + start + "SUM(A1)"


def test_escapes_stay_visible():
    assert clean.terminal("\x1b[31m\u202e\n\x9b\U000e0001") == "\\x1b[31m\\u202e\\n\\x9b\\U000e0001"


def test_stacked_marks_are_bounded_and_honest_scripts_stay():
    assert clean.terminal("e\u0301 việt שָׁלוֹם 東京") == "e\u0301 việt שָׁלוֹם 東京"
    assert clean.terminal("a" + "\u0301" * 5) == "a" + "\u0301" * 3 + "\\u0301\\u0301"


def test_a_megabyte_is_cut_with_a_sign():
    assert clean.terminal("\x1b" * 1_000_000, 10) == "\\x1b\\x1b\\…"
    assert len(clean.csv_text("=" * 1_000_000)) == clean.CSV_LIMIT


def test_markup_is_text_when_rich_prints_it():
    console = Console(width=200, record=True, force_terminal=True, color_system="truecolor", file=None, quiet=True)
    text = clean.markup(HOSTILE)
    assert text.plain.startswith("[red]=HYPERLINK(\\x1b[31m[@click=app.quit]x[/]")
    assert not text.spans
    segments = list(console.render(text))
    assert all(segment.style is None or not segment.style.meta for segment in segments)


def test_html_is_escaped_in_elements_and_attributes():
    assert clean.html("<a href='x' onclick=\"y\">&") == "&lt;a href=&#x27;x&#x27; onclick=&quot;y&quot;&gt;&amp;"
