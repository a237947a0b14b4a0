"""The truths a world declares, checked against its own steps and not against the program that will look for them."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from monitor.sim.actors.edges import HOSTILE
from monitor.sim.script import DAY, HOUR, Script, Step, Truth
from monitor.sim.world import write_script

OPENERS = {"confirm", "openLease", "openLeaseFor", "rentMachine", "rentProxyMachine", "createOrder", "jobOpen"}
BIG = {"broker", "payer_proxy", "rolling_owner", "spheron_broker", "deeplink_payer", "deeplink_owner"}
ONE_FAMILY = {"broker", "spheron_broker"}
"""Large, but all their patterns are of the funding family, and a lead needs two families."""


@pytest.fixture(scope="module")
def script() -> Script:
    return write_script(seed=7)


@pytest.fixture(scope="module")
def steps(script: Script) -> list[Step]:
    return script.steps()


@pytest.fixture(scope="module")
def truths(script: Script) -> dict[str, Truth]:
    return {truth.actor: truth for truth in script.truths}


def raw(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def inflows(steps: list[Step]) -> dict[bytes, list[tuple[int, bytes]]]:
    found: dict[bytes, list[tuple[int, bytes]]] = defaultdict(list)
    for step in steps:
        if not step.function:
            found[step.to].append((step.at, step.sender))
        elif step.function == "transfer":
            found[step.args[0]].append((step.at, step.sender))
        elif step.function == "disperseToken":
            for person in step.args[1]:
                found[person].append((step.at, step.sender))
    return found


def renter_of(step: Step) -> bytes:
    if step.function == "confirm":
        return bytes(step.args[2].args[0])
    return step.args[0] if step.function in {"openLeaseFor", "rentProxyMachine"} else step.sender


def leases(steps: list[Step], renters: set[bytes]) -> list[Step]:
    return [step for step in steps if step.function in OPENERS and step.opens and renter_of(step) in renters]


def test_the_same_seed_gives_the_same_script_and_another_seed_another(steps: list[Step]):
    assert write_script(seed=7).steps() == steps
    assert write_script(seed=8).steps() != steps


def test_every_actor_has_one_truth_and_no_wallet_two_actors(script: Script, truths: dict[str, Truth]):
    assert len(truths) == len(script.truths)
    owners = Counter(wallet for truth in truths.values() for wallet in truth.wallets)
    assert [wallet for wallet, count in owners.items() if count > 1] == []
    assert {truth.label for truth in truths.values()} == {"benign", "proxy"}
    assert {actor for actor, truth in truths.items() if truth.lead_expected} == BIG - ONE_FAMILY
    assert {truth.market for truth in truths.values()} == {
        "all",
        "reference",
        "spheron",
        "deeplink_dbc",
        "marlin_oyster",
    }


def test_the_story_lasts_about_eight_months(steps: list[Step]):
    assert 200 * DAY < steps[-1].at - steps[0].at < 260 * DAY


def test_scale_changes_the_crowd_and_not_the_hub(truths: dict[str, Truth]):
    quiet = {truth.actor: truth for truth in write_script(seed=7, scale=0.2).truths}
    assert len(quiet["hobbyists"].renters) < len(truths["hobbyists"].renters)
    assert {k: v for k, v in quiet.items() if k != "hobbyists"} == {k: v for k, v in truths.items() if k != "hobbyists"}


@pytest.mark.parametrize("scale", [0.1, 1.0, 3.0])
def test_the_exchange_is_a_hub_and_no_other_funder_is(scale: float):
    script = write_script(seed=7, scale=scale)
    reached: dict[bytes, set[bytes]] = defaultdict(set)
    for to, sources in inflows(script.steps()).items():
        for _, sender in sources:
            reached[sender].add(to)
    exchange = script.wallet("exchange")
    assert len(reached.pop(exchange)) >= 200
    assert max(len(people) for people in reached.values()) < 50


@pytest.mark.parametrize("actor", sorted(BIG))
def test_fresh_renters_are_funded_by_one_wallet_shortly_before_their_first_lease(
    script: Script, steps: list[Step], truths: dict[str, Truth], actor: str
):
    funded, truth = inflows(steps), truths[actor]
    renters = [raw(wallet) for wallet in truth.renters]
    first = {renter: funded[renter][0] for renter in renters}
    assert len({sender for _, sender in first.values()}) == 1
    assert next(iter(first.values()))[1] != script.wallet("exchange")
    for renter in renters:
        opened = leases(steps, {renter})[0].at
        assert 0 < opened - first[renter][0] < 72 * HOUR
        assert len([step for step in steps if step.sender == renter and step.at < opened]) <= 5
    times = [step.at for step in leases(steps, set(renters))]
    assert len(renters) >= 3
    assert max(times) - min(times) < 90 * DAY


def test_honest_renters_but_payroll_and_studio_get_their_first_money_from_the_exchange_long_before(
    script: Script, steps: list[Step], truths: dict[str, Truth]
):
    funded = inflows(steps)
    for actor, truth in truths.items():
        if truth.label == "proxy" or actor in {"payroll", "render_farm"}:
            continue
        for renter in map(raw, truth.renters):
            at, sender = funded[renter][0]
            assert sender == script.wallet("exchange"), actor
            assert leases(steps, {renter})[0].at - at > 72 * HOUR, actor


@pytest.mark.parametrize("actor", ["payer_proxy", "deeplink_payer", "university"])
def test_third_payers_open_every_lease(steps: list[Step], truths: dict[str, Truth], actor: str):
    truth = truths[actor]
    opened = leases(steps, set(map(raw, truth.renters)))
    assert len(opened) >= 2
    assert {step.sender for step in opened} == {raw(truth.wallets[len(truth.renters)])}


@pytest.mark.parametrize(("actor", "machine_at"), [("rolling_owner", 0), ("deeplink_owner", 0)])
def test_rolling_owners_hold_the_same_machines_without_a_day_between(
    steps: list[Step], truths: dict[str, Truth], actor: str, machine_at: int
):
    opened = leases(steps, set(map(raw, truths[actor].renters)))
    closed = {step.args[0]: step.at for step in steps if step.function in {"closeLease", "endRentMachine"}}
    machines: dict[object, list[tuple[int, int]]] = defaultdict(list)
    for step in opened:
        machines[step.args[machine_at]].append((step.at, closed[step.opens]))
    assert len(machines) >= 3
    for spans in machines.values():
        assert spans[-1][1] - spans[0][0] >= 90 * DAY
        assert all(0 < after[0] - before[1] < DAY for before, after in pairwise(spans))


def test_the_careful_proxy_shares_nothing_but_the_exchange(script: Script, steps: list[Step], truths: dict[str, Truth]):
    funded = inflows(steps)
    for renter in map(raw, truths["careful"].renters):
        assert {sender for _, sender in funded[renter]} == {script.wallet("exchange")}
        assert leases(steps, {renter})[0].at - funded[renter][0][0] > 30 * DAY


def test_hostile_text_is_played_at_all_four_markets(steps: list[Step]):
    needle = str(HOSTILE["escape"])
    said = {step.contract for step in steps if any(needle == arg or needle in str(arg) for arg in step.args)}
    assert said >= {"ComputeMarket", "DeepLinkReplicaStaking", "MarlinReplica"}
    assert any(
        needle in step.args[3] for step in steps if step.function == "createOrder" and isinstance(step.args[3], str)
    )
    sizes = [len(step.args[0]) for step in steps if step.function == "jobOpen"]
    assert max(sizes) > 1_000_000
