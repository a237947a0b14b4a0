"""The list commands: columns in their order, formats that agree, data on stdout and nothing else."""

import pytest

from monitor.views.columns import TABLES
from monitor.views.output import csv_cell
from tests.cli.conftest import run

pytestmark = pytest.mark.node

LISTS = {
    "events": ("events",),
    "leases": ("leases",),
    "wallets": ("wallets",),
    "clusters": ("clusters",),
    "leads": ("leads", "list", "--all"),
    "alerts": ("alerts", "list"),
}
TABLE_OF = {name: name for name in LISTS} | {"events": "lease_events"}
CATALOGUES = [("rules", "list"), ("markets", "list"), ("markets", "show", "reference"), ("hardware", "list")]


def as_csv(value):
    cell = csv_cell(tuple(value) if isinstance(value, list) else value)
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


@pytest.mark.parametrize("name", LISTS)
def test_columns_are_those_of_the_exports(name, ledger):
    done = ledger.read(*LISTS[name], "--format", "csv")
    assert (done.code, done.err) == (0, "")
    assert tuple(done.out.split("\n")[0].split(",")) == TABLES[TABLE_OF[name]].columns
    if name != "alerts":
        assert done.csv()


@pytest.mark.parametrize("argv", [*LISTS.values(), *CATALOGUES], ids=" ".join)
def test_csv_json_and_ndjson_say_the_same(argv, ledger):
    rows = ledger.read(*argv, "--format", "json").json()
    assert ledger.read(*argv, "--format", "ndjson").ndjson() == rows
    flat = [{name: as_csv(value) for name, value in row.items()} for row in rows]
    assert ledger.read(*argv, "--format", "csv").csv() == flat


@pytest.mark.parametrize("argv", [*LISTS.values(), *CATALOGUES], ids=" ".join)
def test_a_table_has_one_line_per_row(argv, ledger):
    rows = ledger.read(*argv, "--format", "json").json()
    done = ledger.read(*argv)
    assert len(done.out.splitlines()) == len(rows) + 1
    assert done.err == ("" if rows else "nothing to show\n")


def test_an_empty_list_is_still_a_list(ledger):
    nothing = ("leases", "--market", "sonm")
    assert ledger.read(*nothing, "--format", "json").json() == []
    assert ledger.read(*nothing, "--format", "ndjson").out == ""
    assert ledger.read(*nothing, "--format", "csv").out.count("\n") == 1
    assert ledger.read(*nothing, "--format", "csv").err == ""


def test_filters_keep_what_they_name(ledger):
    everything = ledger.read("leases", "--format", "json").json()
    for name in ("market", "renter", "provider", "status"):
        value = everything[0][name]
        found = ledger.read("leases", f"--{name}", value.upper().replace("0X", "0x"), "--format", "json").json()
        assert found == [row for row in everything if row[name] == value]
        assert 0 < len(found) < len(everything)
    wallets = ledger.read("wallets", "--role", "provider", "--format", "json").json()
    assert wallets
    assert all("provider" in row["roles"] for row in wallets)
    assert len(ledger.read("leases", "--limit", "3", "--format", "ndjson").ndjson()) == 3


@pytest.mark.parametrize(
    "argv", [("leases", "--provider", "0x12"), ("leases", "--renter", "tenant"), ("wallets", "--address", "")]
)
def test_what_is_no_address_is_refused_instead_of_matching_nothing(argv, ledger):
    done = ledger.read(*argv)
    assert (done.code, done.out) == (2, "")
    assert "is no address" in done.err


def test_a_block_that_is_not_there_yet_is_no_past(ledger):
    done = ledger.read("leads", "list", "--at", "99999999")
    assert (done.code, done.out) == (2, "")
    assert "there is no block 99999999" in done.err


@pytest.mark.parametrize(
    ("argv", "known"),
    [
        (("events", "--verb", "nope"), "lease.open"),
        (("events", "--market", "nope"), "spheron"),
        (("leases", "--market", "nope"), "spheron"),
        (("events", "--lease", "nope"), "without --lease"),
        (("wallets", "--cluster", "nope"), "all are listed"),
        (("clusters", "--id", "nope"), "all are listed"),
    ],
)
def test_a_name_that_nothing_has_is_refused_instead_of_matching_nothing(argv, known, ledger):
    done = ledger.read(*argv)
    assert (done.code, done.out) == (2, "")
    what = argv[1][2:].replace("id", "cluster")
    assert done.err.startswith(f"monitor: error: there is no {what} 'nope'\nhint: known: ")
    assert known in done.err


def test_what_became_of_clusters_wants_the_earlier_moment_first(ledger):
    head = ledger.read("status", "--format", "json").json()["chains"][0]["head"]
    done = ledger.read("clusters", "--since", str(head), "--at", str(head - 1))
    assert (done.code, done.out) == (2, "")
    assert "is after --at" in done.err
    assert ledger.read("clusters", "--since", str(head - 1), "--at", str(head)).code == 0


@pytest.mark.parametrize("keys", [("--keys", "2"), ("--screenshot", "x.svg", "--keys", "2,foo")])
def test_keys_that_nobody_would_press_are_refused(keys, ledger):
    done = ledger.read("dash", *keys)
    assert (done.code, done.out) == (2, "")
    assert "--keys goes with --screenshot" in done.err or "there is no key 'foo'" in done.err


def test_a_misspelt_choice_is_refused(ledger):
    done = ledger.read("leases", "--status", "opened")
    assert (done.code, done.out) == (2, "")
    assert "'active'" in done.err


def test_at_a_block_looks_at_the_past(ledger):
    now = ledger.read("leases", "--market", "reference", "--status", "closed", "--format", "json").json()
    lease = max(now, key=lambda row: row["closed_at"])
    name = lease["lease_id"]

    def then(at):
        rows = ledger.read("leases", "--at", str(at), "--format", "json").json()
        return {row["lease_id"]: row for row in rows if row["market"] == "reference"}.get(name)

    assert then(lease["open_block"] - 1) is None
    opened = then(lease["open_block"])
    assert (opened["status"], opened["closed_at"]) == ("active", None)
    assert then(lease["opened_at"]) == opened
    assert then(lease["closed_at"])["status"] == "closed"


def test_at_sees_leads_only_once_their_evidence_is_there(ledger):
    leads = ledger.read("leads", "list", "--format", "json").json()
    assert leads
    early = min(int(row["first_block"].split(":")[1]) for row in leads) - 1
    assert ledger.read("leads", "list", "--at", str(early), "--format", "json").json() == []
    name = leads[0]["lead_id"]
    done = ledger.read("leads", "show", name, "--at", str(early))
    assert (done.code, done.out) == (2, "")
    assert f"there is no lead {name} at {early}" in done.err


@pytest.mark.parametrize("at", ["yesterday", "-5", "\u00b2", "9" * 30, "2026-13-01", ""])
def test_a_wrong_moment_is_refused_in_words(at, ledger):
    done = ledger.read("leases", f"--at={at}")
    assert (done.code, done.out) == (2, "")
    first, second = done.err.splitlines()
    assert "is neither a block number nor a time" in first
    assert second.startswith("hint: write 123456")


def test_no_ledger_yet(tmp_path):
    done = run("--ledger", str(tmp_path / "none.db"), "leases")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("monitor: error: ")
    assert "hint: " in done.err
