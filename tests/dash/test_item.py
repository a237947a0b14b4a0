from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.dash.details import page
from monitor.dash.item import Item, Target, arrange, items
from monitor.dash.keys import KEYS
from monitor.dash.screens.overview import spark
from monitor.dash.views import SCREENS, VIEWS
from monitor.dash.world import explorer_url, resolve, world
from tests.surfaces_fixture import CHAIN, finding, lead, nothing, snapshot, tx, wallet_text


def line(key: str, *values: str | int | None) -> Item:
    return Item(key, None, tuple((str(value), "") for value in values), values, " ".join(map(str, values)).casefold())


LINES = [line("a", "Alpha one", 2), line("b", "beta ONE", None), line("c", "gamma", 10)]


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [("", "abc"), ("one", "ab"), ("ONE al", "a"), ("!one", "c"), ("!", "abc"), ("nothing", ""), ("!nothing", "abc")],
)
def test_filter_words_and_inversion(wanted, keys):
    assert "".join(item.key for item in arrange(LINES, wanted, None, reverse=False)) == keys


def test_sorting_is_by_value_with_nothing_first():
    assert [item.key for item in arrange(LINES, "", 1, reverse=False)] == ["b", "a", "c"]
    assert [item.key for item in arrange(LINES, "", 1, reverse=True)] == ["c", "a", "b"]
    assert [item.key for item in arrange(LINES, "", None, reverse=True)] == ["c", "b", "a"]


@given(st.text(max_size=10))
def test_a_filter_and_its_inversion_part_the_rows(wanted):
    word = wanted.lstrip("!").strip()
    kept = arrange(LINES, word, None, reverse=False)
    others = arrange(LINES, "!" + word, None, reverse=False)
    assert len(kept) + len(others) == (len(LINES) if word else 2 * len(LINES))


def test_doubled_keys_are_told_apart():
    view = VIEWS["quarantine"]
    row = view.rows(snapshot())[0]
    assert len({item.key for item in items(view, [row, row, row])}) == 3


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_builds_clean_cells(name):
    for found in (snapshot(), nothing()):
        for item in world(found).lines[name]:
            assert len(item.cells) == len(item.values) == len(VIEWS[name].columns)
            assert all(text.isprintable() for text, _ in item.cells)


def test_every_screen_has_its_digit_and_no_key_has_two_meanings():
    digits = [key.key for key in KEYS if key.key.isdigit()]
    assert digits == [str(at) for at in range(1, len(SCREENS) + 1)]
    assert len({key.key for key in KEYS}) == len(KEYS)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("lead-00000000000000aa", Target("lead", "lead-00000000000000aa")),
        ("lead-0000", Target("lead", "lead-00000000000000aa")),
        ("finding-1", Target("lead", "lead-00000000000000aa")),
        ("cl-2", Target("cluster", "cl-2")),
        (f"reference:{CHAIN}:2", Target("lease", f"reference:{CHAIN}:2")),
        ("=1+1", Target("lease", f"spheron:{CHAIN}:=1+1")),
        (wallet_text(20).lower(), Target("wallet", f"{CHAIN}:{wallet_text(20)}")),
        ("0x" + tx(3).hex(), Target("tx", f"{CHAIN}:0x{tx(3).hex()}")),
        ("0x" + "ff" * 32, None),
        ("0x" + "ff" * 20, None),
        ("nobody", None),
        ("  ", None),
    ],
)
def test_ids_resolve(text, target):
    assert resolve(world(snapshot()), text) == target


@pytest.mark.parametrize(
    "base",
    ["", "javascript:alert(1)", "file:///etc", "https://", "ftp://x", "https://a b", "https://x\x1b", "http://[bad"],
)
def test_only_web_explorers_are_opened(base):
    found = snapshot()
    chain = msgspec.structs.replace(found.chains[0], explorer=base)
    found = msgspec.structs.replace(found, chains=(chain,))
    assert explorer_url(found, Target("wallet", f"{CHAIN}:{wallet_text(11)}")) is None


def test_explorer_pages():
    found = snapshot()
    wallet = Target("wallet", f"{CHAIN}:{wallet_text(11)}")
    assert explorer_url(found, wallet) == f"https://explorer.example/address/{wallet_text(11)}"
    assert explorer_url(found, Target("wallet", f"{CHAIN}:../../x")) is None
    assert explorer_url(found, Target("wallet", f"1:{wallet_text(11)}")) is None
    assert explorer_url(found, Target("lead", "lead-1")) is None
    assert explorer_url(found, Target("lease", f"nowhere:{CHAIN}:1")) is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (
            Target("lease", f"spheron:{CHAIN}:=1+1"),
            ["[red]=HYPERLINK(\\x1b[31m", "not recognised", "units per hour"],
        ),
        (Target("wallet", f"{CHAIN}:{wallet_text(30)}"), ["[@click=app.quit]", "cl-2", "provider"]),
        (Target("cluster", "cl-1"), ["3 x payer"]),
        (Target("market", f"spheron:{CHAIN}"), ["quarantined   3", "[red]", "not yet verified"]),
        (Target("tx", f"{CHAIN}:0x{tx(1).hex()}"), ["LeaseOpened (lease.open) 1"]),
        (Target("tx", f"{CHAIN}:0x{tx(999).hex()}"), ["No market event"]),
        (Target("lead", "lead-00000000000000aa"), ["for human review", "less than 72 hours", "Not legal advice"]),
    ],
)
def test_pages_say_what_they_must_and_nothing_harmful(target, words):
    found = page(world(snapshot()), target)
    assert found is not None
    for word in words:
        assert word in found.body.plain
    assert all(part.isprintable() for part in found.body.plain.split("\n"))
    assert found.title.plain.isprintable()


@pytest.mark.parametrize("kind", ["lead", "lease", "wallet", "cluster", "market"])
def test_a_page_of_something_unknown_is_none(kind):
    ids = {"lease": "x:1:2", "wallet": f"1:{wallet_text(1)}", "market": "x:1"}
    assert page(world(snapshot()), Target(kind, ids.get(kind, "unknown"))) is None


def test_a_lead_with_much_evidence_stays_readable():
    many = tuple(finding(1).evidence[0]._replace(block_number=number, tx_hash=tx(number)) for number in range(2_000))
    found = page(world(snapshot(findings=(finding(1, evidence=many),))), Target("lead", lead().lead_id))
    assert found is not None
    assert "and 1994 more positions" in found.body.plain
    assert len(found.items) == 500
    assert "Showing 500 of 2006" in found.body.plain


def test_spark_shows_whatever_is_not_zero():
    assert spark([0, 1, 100, 50]) == " ▁█▄"
    assert spark([0, 0]) == "  "
    assert spark([]) == ""
