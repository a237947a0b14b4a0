"""Silences are set with a reason and an end, seen by everybody, and ended in the open."""

import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.node


def listed(place, *argv):
    return place.run("silences", "list", "--format", "json", *argv).json()


def test_a_silence_is_seen_until_it_is_ended_and_after_in_the_list_of_all(own_ledger):
    lead = own_ledger.run("leads", "list", "--format", "json").json()[0]
    argv = ("--lead", lead["lead_id"], "--pattern", "t04", "--until", "7d", "--reason", "contract 12")
    done = own_ledger.run("silences", "add", *argv, "--reviewer", "kim")
    assert (done.code, done.out) == (0, ""), done.err
    (row,) = listed(own_ledger)
    assert {name: row[name] for name in ("state", "lead_id", "patterns", "author", "reason")} == {
        "state": "active",
        "lead_id": lead["lead_id"],
        "patterns": ["T04"],
        "author": "kim",
        "reason": "contract 12",
    }
    assert row["leads"] == 0, "the lead rests on further patterns"
    assert "silences in force: 1" in own_ledger.run("status").out
    assert own_ledger.run("silences", "expire", row["silence_id"], "--reviewer", "lee").code == 0
    assert listed(own_ledger) == []
    (ended,) = listed(own_ledger, "--all")
    assert (ended["state"], ended["ended_by"], ended["until"]) == ("ended", "lee", row["until"])
    assert own_ledger.run("silences", "expire", row["silence_id"]).code == 2
    assert "silences in force" not in own_ledger.run("status").out


def test_a_wallet_is_meant_however_it_is_spelt(own_ledger):
    wallets = {wallet["address"] for wallet in own_ledger.run("wallets", "--format", "json").json()}
    shown = own_ledger.run("leads", "list", "--format", "json").json()[0]["lead_id"]
    member = own_ledger.run("leads", "show", shown, "--format", "json").json()["wallets"][0]["address"]
    assert member in wallets
    argv = ("--wallet", member.lower(), "--until", "2h", "--reason", "treasury")
    assert own_ledger.run("silences", "add", *argv, "--reviewer", "kim").code == 0
    (row,) = listed(own_ledger)
    assert (row["wallet"], row["leads"]) == (member, 1)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("--until", "7d"), "a silence of everything"),
        (("--lead", "lead-none", "--until", "7d"), "there is no lead lead-none"),
        (("--pattern", "T99", "--until", "7d"), "there is no pattern 'T99'"),
        (("--sink", "nobody", "--until", "7d"), "there is no sink 'nobody'"),
        (("--wallet", "0x12", "--until", "7d"), "'0x12' is no address"),
        (("--pattern", "T04", "--until", "367d"), "within a year"),
        (("--pattern", "T04", "--until", "2020-01-01"), "within a year"),
        (("--pattern", "T04", "--until", "soon"), "neither a time nor"),
        (("--pattern", "T04"), "Missing option '--until'"),
        (("--pattern", "T04", "--until", "7d", "--reason", " "), "the reason is empty"),
    ],
)
def test_what_is_no_silence_is_refused_in_one_line(argv, said, ledger):
    reason = () if "--reason" in argv else ("--reason", "x")
    done = ledger.run("silences", "add", *argv, *reason)
    assert (done.code, done.out) == (2, "")
    first, hint = done.err.splitlines()
    assert first.startswith("monitor: error: ")
    assert said in first
    assert hint.startswith("hint: ")
    assert listed(ledger, "--all") == []


def test_a_ledger_from_before_there_were_silences_says_what_brings_them(own_ledger):
    with closing(sqlite3.connect(own_ledger.folder / "monitor.db", isolation_level=None)) as old:
        old.execute("DROP TABLE silences")
        old.execute("ALTER TABLE chains DROP COLUMN native_way")
        old.execute("PRAGMA user_version=7")
    done = own_ledger.run("silences", "add", "--pattern", "T04", "--until", "7d", "--reason", "x", "--reviewer", "kim")
    assert done.code == 1
    assert "upgrades it" in done.err
    assert own_ledger.run("backfill", "--quiet").code == 0
    assert listed(own_ledger) == []
