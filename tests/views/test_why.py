"""What joins two wallets, as text, as rows and as a page: each heuristic has words, the outcome comes first."""

import re
from decimal import Decimal

import msgspec

from monitor.dash.details.wallet import wallet_page
from monitor.dash.details.why import why_id, why_page
from monitor.dash.world import world
from monitor.model.schema import ACCOUNTS, LINKS, WALLETS
from monitor.views import format as fmt
from monitor.views.why import MEANING, UNASKED, why, why_lines, why_row
from monitor.wallets import links as found
from tests.surfaces_fixture import CHAIN, frame, snapshot, tx, wallet

A, B, C, FUNDER = (wallet(n) for n in (1, 2, 3, 9))


def link(a, b, heuristic, family, weight, *, acted=True):
    """One of `a` and `b` is the funder, who acts."""
    low, high = sorted((a, b))
    return {
        "chain_id": CHAIN, "a": low, "b": high, "heuristic": heuristic, "family": family, "weight": Decimal(weight),
        "evidence": [tx(n) for n in range(7)], "at": 0,
        "volition_a": True if low == FUNDER else acted, "volition_b": acted if low == FUNDER else True,
    }  # fmt: skip


def strong(wallet):
    return [
        link(FUNDER, wallet, "first_funder", "funding", "11.8"),
        link(FUNDER, wallet, "shared_funder", "funding", "8.9"),
        link(FUNDER, wallet, "payer", "authority", "8.0", acted=False),
    ]


def known(links, clusters):
    people = [{"chain_id": CHAIN, "address": one, "cluster_id": name} for one, name in clusters.items()]
    funded = [{"chain_id": CHAIN, "address": one, "funder": FUNDER} for one in (A, B, C)]
    return msgspec.structs.replace(
        snapshot(), links=frame(LINKS, links), wallets=frame(WALLETS, people), accounts=frame(ACCOUNTS, funded)
    )


def text(shown, a=A, b=B):
    return list(why_lines(why(shown, a, b)))


def test_every_heuristic_has_words():
    assert set(MEANING) == set(re.findall(r"`(\w+)`", (found.__doc__ or "").partition("Wallets that")[0]))


def test_the_outcome_comes_first_and_what_is_added_adds_up():
    shown = known(strong(A) + strong(B) + strong(C), {A: "one", B: "one"})
    lines = text(shown)
    assert lines[0] == "one cluster, one: 2 hops"
    assert f"{fmt.address(A)} - {fmt.address(FUNDER)}: 19.8 bits from authority, funding (joins them)" in lines
    x, y = fmt.short(fmt.address(FUNDER)), fmt.short(fmt.address(A))
    assert f"    {x} sent {y} the first value it could act with" in lines
    assert f"    another: {fmt.address(C)}" in lines
    assert "    … and 2 more: --format json shows all" in lines
    assert [line for line in lines if "shared_funder" in line and "not added" in line]
    added = [hop["links"] for hop in why_row(why(shown, A, B))["path"]]
    assert [sum(Decimal(link["bits"]) for link in links if link["adds"]) for links in added] == [Decimal("19.8")] * 2
    assert lines[-3:] == [
        "edge-disjoint paths: 1 (fragile: one wrong link is all that joins them)",
        "without authority: not joined",
        "without funding: not joined",
    ]


def test_what_one_side_brought_about_alone_is_told():
    shown = known([*strong(A), link(FUNDER, A, "leased_alike", "market", "2.0", acted=False)], {A: "one"})
    [hop] = why_row(why(shown, FUNDER, A))["path"]
    assert {link["heuristic"]: (link["volition"], link["volition_a"], link["volition_b"]) for link in hop["links"]} == {
        "first_funder": ("both", True, True), "shared_funder": ("both", True, True),
        "payer": ("one", True, False), "leased_alike": ("one", True, False),
    }  # fmt: skip
    [back] = why_row(why(shown, A, FUNDER))["path"]
    assert {(link["volition_a"], link["volition_b"]) for link in back["links"]} == {(True, True), (False, True)}
    lines, x = text(shown, A, FUNDER), fmt.short(fmt.address(FUNDER))
    at = lines.index("    one paid for a lease of the other") + 1
    assert lines[at] == f"    only {x} acted: anybody can pay for a lease unasked"
    assert f"    only {x} acted: the other was not seen to send since, and anybody can be sent value unasked" in lines
    assert "    both acted" in lines
    assert set(UNASKED) < set(MEANING)


def test_a_safe_and_its_owner_are_explained_by_what_the_safe_said():
    safe, owner = sorted((A, B))
    row = {**link(A, B, "sole_owner", "authority", "3.0"), "volition_a": True, "volition_b": False, "evidence": []}
    told = {"chain_id": CHAIN, "address": safe, "kind": "safe", "owners": [owner], "threshold": 1, "as_of": 77}
    shown = msgspec.structs.replace(known([row], {A: "one", B: "two"}), accounts=frame(ACCOUNTS, [told]))
    lines = text(shown)
    x, y = (fmt.short(fmt.address(one)) for one in (safe, owner))
    assert f"    {x} is a Safe, and {y} alone its owner" in lines
    assert f"    only {x} acted: anybody can make a Safe that names another its owner" in lines
    assert "    it names no other owner, and no other needs to sign, as of block 77" in lines
    [[only]] = [hop["links"] for hop in why_row(why(shown, A, B))["path"]]
    assert only["safe"] == {"address": fmt.address(safe), "owner": fmt.address(owner), "as_of": 77}
    assert (only["volition"], only["volition_a" if safe == A else "volition_b"]) == ("one", True)


def test_candidates_and_crowds_that_were_cut_are_told_apart():
    weak = [link(FUNDER, A, "first_funder", "funding", "11.8"), *strong(B)]
    lines = text(known(weak, {A: "one", B: "two"}))
    assert lines[0] == "not joined: 2 hops, of which at least one falls short of 16.3 bits of two families"
    assert lines[-1] == "edge-disjoint paths: 0"
    told = (("payer", "authority", "8.0"), ("shared_sink", "sink", "8.6"))
    unasked = [link(FUNDER, A, *rest, acted=False) for rest in told]
    assert text(known([*unasked, *strong(B)], {A: "one", B: "two"}))[0] == (
        "not joined: 2 hops, in at least one of which one side did nothing towards the other"
    )
    assert text(known(strong(A) + strong(B), {A: "one", B: "two"}))[0] == (
        "two clusters, one and two: 2 hops do not hold so many wallets together"
    )
    assert text(known(strong(A), {A: "one"})) == []


def test_the_dashboard_says_the_same_and_leads_to_wallets_and_proofs():
    shown = world(known(strong(A) + strong(B), {A: "one", B: "one", FUNDER: "one"}))
    page = why_page(shown, why_id(CHAIN, A, B))
    assert page is not None
    assert page.body.plain.splitlines() == text(shown.snapshot)
    targets = [item.target for item in page.items if item.target]
    assert [target.text for target in targets if target.kind == "wallet"] == [fmt.address(n) for n in (A, FUNDER, B)]
    assert len({target.id for target in targets if target.kind == "tx"}) == 7
    assert why_page(shown, why_id(CHAIN, A, C)) is None
    mine = wallet_page(shown, f"{CHAIN}:{fmt.address(A)}")
    assert mine is not None
    ways = [item.target.id for item in mine.items if item.target and item.target.kind == "why"]
    assert ways == [why_id(CHAIN, A, other) for other in sorted((B, FUNDER))]
