from __future__ import annotations

import json
from decimal import Decimal

import msgspec
import polars as pl
import pytest

from monitor.ledger.rows import DispositionRow
from monitor.model.schema import LINKS, WALLETS
from monitor.views.dossier import REVIEW, dossier, dossier_text
from tests.surfaces_fixture import (
    CHAIN,
    DAY,
    HOSTILE,
    T0,
    finding,
    frame,
    lead,
    lease,
    nothing,
    snapshot,
    tx,
    wallet,
    wallet_text,
)

FUNDER = 20


def joined(members=(11, 12)):
    """Links that merge each member with the funder: two families, 19.8 bits; and one that is a mere candidate."""
    rows = [
        {
            "chain_id": CHAIN,
            "a": wallet(member),
            "b": wallet(FUNDER),
            "heuristic": heuristic,
            "family": family,
            "weight": Decimal(weight),
            "evidence": [tx(member), tx(member + at)],
            "at": T0,
            "volition_a": True,
            "volition_b": True,
        }
        for member in members
        for at, (heuristic, family, weight) in enumerate(
            [("first_funder", "funding", "11.8"), ("payer", "authority", "8.0")]
        )
    ]
    return frame(LINKS, rows)


def world(**changes):
    rows = [
        {"chain_id": CHAIN, "address": wallet(number), "cluster_id": "cl-1", "first_seen": T0 + number, "roles": roles}
        for number, roles in ((11, ["renter"]), (12, ["renter"]), (FUNDER, ["funder", "payer"]))
    ]
    rows[2]["first_seen"] = T0
    fields = {"links": joined(), "wallets": frame(WALLETS, rows), **changes}
    return msgspec.structs.replace(snapshot(), **fields)


def test_everything_is_there_and_is_json():
    made = json.loads(json.dumps(dossier(world(), lead()), allow_nan=False))
    assert list(made) == [
        *("lead", "statement", "findings", "leases", "exposure", "wallets", "lawful_explanations", "blind_spots"),
        *("reviews", "legal"),
    ]
    assert made["lead"]["lead_id"] == "lead-00000000000000aa"
    assert [row["points"] for row in made["findings"]] == [22, 21]
    first = made["findings"][1]
    assert (first["name"], first["threshold"], first["values"]["hours"]) == ("fresh wallet", "less than 72 hours", "2")
    assert first["evidence"] == [f"{CHAIN}:101:0x{tx(1).hex()}:-1", f"{CHAIN}:102:0x{tx(2).hex()}:1"]
    assert first["caveats"] == ["new customers fund a fresh wallet too"]
    assert made["lawful_explanations"] == ["a new customer", "a reseller", "new customers fund a fresh wallet too"]
    assert made["legal"]["stale"] is False
    assert made["legal"]["note"] == "Not legal advice."


def test_leases_come_oldest_first_with_exact_numbers():
    rows = dossier(world(), lead())["leases"]
    assert [row["lease"] for row in rows] == [f"reference:{CHAIN}:1", f"reference:{CHAIN}:2"]
    assert rows[0]["h100e"] == "8.000"
    assert rows[0]["payer"] == wallet_text(20)
    assert rows[0]["open_tx"] == f"0x{tx(1).hex()}"


def test_a_lease_that_a_reorg_took_says_so():
    gone = lead(leases=(f"reference:{CHAIN}:1", f"reference:{CHAIN}:777"))
    rows = {row["lease"]: row for row in dossier(world(), gone)["leases"]}
    assert rows[f"reference:{CHAIN}:1"]["in_ledger"] is True
    assert rows[f"reference:{CHAIN}:777"]["in_ledger"] is False
    assert rows[f"reference:{CHAIN}:777"]["renter"] is None
    assert "reference:31337:777: no longer in the ledger" in dossier_text(world(), gone)


def test_wallets_start_at_the_anchor_and_say_how_they_hang_on_it():
    rows = dossier(world(), lead())["wallets"]
    assert [row["address"] for row in rows] == [wallet_text(number) for number in (20, 11, 12)]
    assert [row["anchor"] for row in rows] == [True, False, False]
    hop = rows[1]["path"][0]
    assert (hop["a"], hop["b"], hop["bits"]) == (wallet_text(20), wallet_text(11), "19.8")
    assert hop["families"] == ["authority", "funding"]
    assert hop["heuristics"] == ["first_funder", "payer"]
    assert hop["transactions"] == [f"0x{tx(11).hex()}", f"0x{tx(12).hex()}"]


def test_pairs_that_do_not_merge_make_no_path():
    alone = world(links=joined((11,)).filter(pl.col("heuristic") == "payer"))
    rows = dossier(alone, lead())["wallets"]
    assert [row["path"] for row in rows] == [[], None, None]
    assert "no path of merging pairs" in dossier_text(alone, lead())


def test_text_has_the_words_that_must_stand_there():
    text = dossier_text(world(), lead())
    flat = " ".join(text.split())
    assert REVIEW in flat
    assert "it does not state that a law was broken" in flat
    assert "Not legal advice." in flat
    assert flat.count("Not legal advice.") == 1
    assert "T03 fresh wallet" in flat
    assert "COMMON LAWFUL EXPLANATIONS" in flat
    assert "monitor leads dismiss lead-00000000000000aa" in flat
    assert "STALE" not in flat
    for word in ("accus", "guilty", "nationality", "suspect", "criminal"):
        assert word not in flat.casefold()


def test_a_stale_legal_file_is_said_first():
    late = msgspec.structs.replace(world(), now=T0 + 1000 * DAY)
    assert dossier(late, lead())["legal"]["stale"] is True
    lines = dossier_text(late, lead()).splitlines()
    assert lines[lines.index("LEGAL") + 1].strip().startswith("STALE:")


def test_reviews_are_history():
    rows = (
        DispositionRow(lead_id=lead().lead_id, disposition="dismissed", reason="a lab", reviewer="kim", at=T0),
        DispositionRow(lead_id=lead().lead_id, disposition="", reviewer="lee", at=T0 + 1),
        DispositionRow(lead_id="another", disposition="escalated", at=T0),
    )
    made = dossier(world(dispositions=rows), lead())
    assert [row["disposition"] for row in made["reviews"]] == ["dismissed", ""]
    text = dossier_text(world(dispositions=rows), lead())
    assert "dismissed by kim: a lab" in text
    assert "reopened by lee" in text
    assert "escalated by" not in text


def test_long_lists_are_bounded_on_a_terminal_and_whole_in_json():
    many = tuple(finding(3, finding_id=f"finding-{at:03}") for at in range(40))
    leases = [lease(at) for at in range(1, 51)]
    big = lead(
        findings=tuple(item.finding_id for item in many), leases=tuple(f"reference:{CHAIN}:{at}" for at in range(1, 51))
    )
    full = world(findings=many, leases=frame(dict(snapshot().leases.schema), leases))
    text = dossier_text(full, big)
    assert "… and 28 more: --format json shows all" in text
    assert "… and 38 more: --format json shows all" in text
    assert len(text.splitlines()) < 200
    made = dossier(full, big)
    assert (len(made["findings"]), len(made["leases"])) == (40, 50)


def test_retracted_leads_say_so():
    assert "RETRACTED" in dossier_text(world(), lead(state="retracted"))
    assert "RETRACTED" not in dossier_text(world(), lead())


def test_hostile_text_stays_text():
    bad = lead(reason=HOSTILE, reviewer=HOSTILE, disposition="dismissed", leases=(f"reference:{CHAIN}:{HOSTILE}",))
    items = (finding(1, summary=HOSTILE, subject=HOSTILE, values={"x": HOSTILE}, caveats=(HOSTILE,)), finding(2))
    text = dossier_text(world(findings=items), bad)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("next<script>") for line in text.splitlines())
    json.dumps(dossier(world(findings=items), bad), allow_nan=False)


@pytest.mark.parametrize("empty", [nothing(), snapshot(links=frame(LINKS, []), wallets=frame(WALLETS, []))])
def test_an_announced_lead_outlives_its_evidence(empty):
    text = dossier_text(empty, lead(state="retracted"))
    assert "lead-00000000000000aa" in text
    assert [row["in_ledger"] for row in dossier(empty, lead())["wallets"]] == [False] * 3


def test_a_lead_without_wallets_or_findings():
    bare = lead(wallets=(), findings=(), leases=(), typologies=())
    assert dossier(world(), bare)["wallets"] == []
    assert "none written down" in dossier_text(world(), bare)
