"""Where a market does not say what a rule needs, the rule says so: silence there is no acquittal."""

import pytest

from tests.facts.rows import event, who
from tests.rules.judged import chain, judged
from tests.rules.play import START, Rows

BARE = Rows([event("lease.open", "x", block=START, renter=who(1), provider=who(3), market="bare")], [], [])
MARKET = {
    "T01": "market emits no capacity",
    "T02": "market emits no capacity",
    "T05": "no payment names its lease",
    "T07": "leases name no machine",
    "T09": "no lease has a price in dollars",
    "T13": "market emits no observed site of hardware",
    "T14": "market emits no attestation or heartbeat",
    "T15": "market emits no hardware identifier",
    "T19": "no lease has a price in dollars",
    "T27": "market emits no verification tier",
    "T28": "market emits no recipient of refunds",
    "T29": "market emits no attestation of a site",
}
LABELS = {
    "T06": "no label names a mixer, swap, OTC desk or bridge",
    "T21": "no list of addresses was imported",
    "T25": "no label names a mining pool",
}


@pytest.mark.parametrize("rule", sorted(MARKET))
def test_a_bare_market_is_named(rule):
    assert f"{rule}: not assessable: bare on chain 1: {MARKET[rule]}" in judged(BARE).judgement.not_assessable


@pytest.mark.parametrize("rule", sorted(LABELS))
def test_a_missing_list_is_named(rule):
    assert f"{rule}: not assessable: {LABELS[rule]}" in judged(BARE).judgement.not_assessable


@pytest.mark.parametrize("rule", ["T02", "T08", "T10", "T24", "T30"])
def test_chains_whose_transfers_were_not_read_are_named(rule):
    world = judged(BARE, chains=chain(native_lookback_seconds=0, token_transfers=False))
    assert f"{rule}: not assessable: chain 1: no transfers were read" in world.judgement.not_assessable


def test_a_rule_that_is_off_says_so():
    assert "T22: switched off" in judged(BARE).judgement.not_assessable


def test_an_adapter_that_can_speak_is_believed():
    world = judged(BARE, emits={"bare": frozenset({"heartbeat", "attest", "attest.hardware_id"})})
    lines = [line for line in world.judgement.not_assessable if line.startswith(("T14", "T15"))]
    assert lines == []
