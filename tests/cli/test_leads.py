"""Reviewing leads: decisions with history, exit codes, the whole dossier."""

import pytest

pytestmark = pytest.mark.node


def names(place):
    return [row["lead_id"] for row in place.run("leads", "list", "--format", "json").json()]


def reviews(place, lead):
    return place.run("leads", "show", lead, "--format", "json").json()["reviews"]


def test_decisions_round_trip_and_leave_their_history(own_ledger):
    lead, *others = names(own_ledger)
    for argv, said in [
        (("ack", lead, "--reviewer", "kim"), "acknowledged by kim"),
        (("dismiss", lead, "--reason", "a university lab", "--reviewer", "lee"), "dismissed by lee"),
    ]:
        done = own_ledger.run("leads", *argv)
        assert (done.code, done.out, done.err) == (0, "", f"{lead}: {said}\n")
    assert names(own_ledger) == others
    everything = own_ledger.run("leads", "list", "--all", "--format", "json").json()
    assert {row["lead_id"]: (row["disposition"], row["reason"], row["reviewer"]) for row in everything}[lead] == (
        "dismissed",
        "a university lab",
        "lee",
    )
    assert own_ledger.run("leads", "reopen", lead, "--reviewer", "kim").err == f"{lead}: reopened by kim\n"
    assert sorted(names(own_ledger)) == sorted([lead, *others])
    assert [(row["disposition"], row["reviewer"]) for row in reviews(own_ledger, lead)] == [
        ("acknowledged", "kim"),
        ("dismissed", "lee"),
        ("", "kim"),
    ]
    assert "dismissed by lee: a university lab" in own_ledger.run("leads", "show", lead).out


@pytest.mark.parametrize("argv", [("dismiss", "{lead}"), ("dismiss", "{lead}", "--reason", " "), ("ack", "lead-none")])
def test_what_cannot_be_decided_changes_nothing(argv, ledger):
    lead = names(ledger)[0]
    done = ledger.run("leads", *(part.format(lead=lead) for part in argv))
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("monitor: error: ")
    assert reviews(ledger, lead) == []


def test_fail_on_counts_open_leads_of_a_severity_or_more(own_ledger):
    found = own_ledger.run("leads", "list", "--format", "json").json()
    worst = max((row["severity"] for row in found), key=["low", "medium", "high", "critical"].index)
    assert own_ledger.run("leads", "list", "--fail-on", worst).code == 4
    assert own_ledger.run("leads", "list", "--fail-on", "low").code == 4
    if worst != "critical":
        assert own_ledger.run("leads", "list", "--fail-on", "critical").code == 0
    for row in found:
        assert own_ledger.run("leads", "dismiss", row["lead_id"], "--reason", "explained").code == 0
    assert own_ledger.run("leads", "list", "--fail-on", "low").code == 0


def test_fail_on_ends_a_backfill_with_4(own_ledger):
    done = own_ledger.run("backfill", "--quiet", "--fail-on", "low")
    assert (done.code, done.out) == (4, "")
    assert "open leads of severity low or more" in done.err


def test_every_lead_can_be_shown_whole(ledger):
    for name in names(ledger):
        made = ledger.run("leads", "show", name, "--format", "json").json()
        row = made["lead"]
        assert row["lead_id"] == name
        assert sorted({item["typology"] for item in made["findings"]}) == row["typologies"]
        assert [item["lease"] for item in made["leases"]] == sorted(
            row["leases"], key=[item["lease"] for item in made["leases"]].index
        )
        assert all(item["in_ledger"] for item in [*made["leases"], *made["wallets"]])
        assert [item["anchor"] for item in made["wallets"]].count(True) == 1
        assert all(item["path"] is not None for item in made["wallets"])
        assert made["lawful_explanations"]
        done = ledger.run("leads", "show", name)
        assert done.err == ""
        assert "it does not state that a law was broken" in " ".join(done.out.split())


def test_explain_walks_from_the_anchor_to_a_member(ledger):
    made = ledger.read("leads", "show", names(ledger)[0], "--format", "json").json()
    anchor, member = made["wallets"][0]["address"], made["wallets"][-1]["address"]
    found = ledger.run("explain", anchor, member, "--format", "json").json()
    hops = found["path"]
    assert (hops[0]["a"], hops[-1]["b"]) == (anchor, member)
    assert all(hop["merges"] and hop["links"] for hop in hops)
    assert found["joined"]
    assert found["edge_disjoint_paths"] >= 1
    assert found["weakest"]["bits"] == min((hop["bits"] for hop in hops), key=float)
    assert [rest["family"] for rest in found["without"]] == sorted({name for hop in hops for name in hop["families"]})
    text = ledger.run("explain", anchor.lower(), member)
    assert text.code == 0
    assert f"weakest hop: {anchor}" in text.out
    assert "edge-disjoint paths: " in text.out
    assert "without funding: " in text.out


def test_explain_names_the_tip_that_a_script_carries_through_its_wallets(ledger, played_world):
    (owner,) = (truth for truth in played_world.world.truth if truth.actor == "rolling_owner")
    renter, funder = owner.wallets[0], owner.wallets[-1]
    (hop,) = ledger.run("explain", funder, renter, "--format", "json").json()["path"]
    (link,) = (each for each in hop["links"] if each["family"] == "fee")
    assert len(link["siblings"]) > 0
    assert [habit["address"] for habit in link["habits"]] == [renter, *link["siblings"]]
    own = link["habits"][0]
    hashes = own.pop("txs")
    assert own == {"address": renter, "what": "tip", "value": 1_337_000_000, "times": 6, "transactions": 6}
    assert len(hashes) == 6
    text = ledger.run("explain", funder, renter).out
    assert f"{renter} set a tip of 1.337 gwei in 6 of 6 transactions of its own:\n      31337:{hashes[0]}\n" in text
    assert f"{link['siblings'][0]} set a tip of 1.337 gwei" in text
    assert "a rare one may tell the software more than its user" in text


def test_explain_without_a_path_exits_1(ledger):
    made = ledger.read("leads", "show", names(ledger)[0], "--format", "json").json()
    stranger = "0x" + "1" * 40
    done = ledger.run("explain", made["wallets"][0]["address"], stranger)
    assert (done.code, done.out) == (1, "")
    assert done.err == "no path of evidence joins these wallets\n"
    asked = ledger.run("explain", made["wallets"][0]["address"], stranger, "--format", "json")
    assert asked.code == 1
    assert (asked.json()["path"], asked.json()["joined"], asked.json()["edge_disjoint_paths"]) == ([], False, 0)
    assert ledger.run("explain", "0x12", stranger).code == 2


def test_the_neighbourhood_of_a_wallet_is_drawn(ledger):
    made = ledger.read("leads", "show", names(ledger)[0], "--format", "json").json()
    anchor, member = made["wallets"][0]["address"], made["wallets"][-1]["address"]
    done = ledger.run("wallets", "show", anchor)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(anchor)
    assert "══ " in done.out
    told = ledger.run("wallets", "show", anchor, "--depth", "5", "--format", "json")
    assert member in told.out
    assert told.json()["cluster_id"] == made["lead"]["cluster_id"]
    assert ledger.run("wallets", "show", "0x" + "1" * 40).code == 2


def test_what_became_of_the_clusters(ledger):
    came = ledger.run("clusters", "--since", "0", "--format", "json").json()
    assert {row["change"] for row in came} == {"new"}
    named = {row["cluster_id"] for row in ledger.read("clusters", "--format", "json").json()}
    assert {row["cluster_id"] for row in came} == named
