"""What goes wrong between honest people: a machine that fails, a provider that hangs up, an order nobody takes."""

from __future__ import annotations

from monitor.sim.actors.supply import Supply
from monitor.sim.script import DAY, HOUR, Ref, Script
from monitor.sim.venues import (
    CREDIT_PER_DOLLAR,
    MARKET,
    RENT,
    fund_credits,
    offer,
    order_specs,
    renew_rig,
    rent,
    rent_rig,
    return_machine,
    spheron_close,
    spheron_lease,
    stake,
    top_up,
)

__all__ = ["play_troubles"]


def play_troubles(script: Script, supply: Supply) -> None:
    """Write one customer with bad luck at three markets."""
    customer, friend = script.wallet("unlucky"), script.wallet("unlucky friend")
    script.fund(script.day(5), supply.exchange, customer, usd=5_000)
    script.fund(script.day(5), supply.exchange, friend, usd=500)
    fund_credits(script, script.day(5), supply.exchange, customer, 2_000)
    fund_credits(script, script.day(5), supply.exchange, friend, 500)
    _reference(script, supply, customer, friend)
    _spheron(script, supply, customer)
    _deeplink(script, customer, friend)
    script.truth(
        "unlucky",
        "customer with bad luck",
        "benign",
        "all",
        renters=[customer],
        others=[friend],
        why="slashed, cut off and refunded, with small machines",
    )


def _reference(script: Script, supply: Supply, customer: bytes, friend: bytes) -> None:
    provider, arbiter = script.wallet("provider unlucky"), script.stage.deployer
    script.fund(script.day(5), supply.exchange, provider)
    script.call(script.day(60), provider, MARKET, "registerProvider", "ca-central", b"\3" * 32)
    failing = offer(script, script.day(61), provider, "failing", "RTX A5000", 2, 60)
    start = script.day(62)
    lease = rent(script, start, failing, customer, 100, "unlucky slashed")
    script.call(start + 2 * DAY, arbiter, MARKET, "slash", lease, 10**7, b"offline".ljust(32, b"\0"))
    again = rent(script, start + 3 * DAY, failing, customer, 100, "unlucky cut off")
    top_up(script, start + 3 * DAY + HOUR, again, failing, friend, 20)
    return_machine(script, start + 4 * DAY, again, provider)
    script.call(start + 5 * DAY, provider, MARKET, "withdrawMachine", failing.machine_id)
    script.call(start + 6 * DAY, provider, MARKET, "retireProvider")


def _spheron(script: Script, supply: Supply, customer: bytes) -> None:
    provider, start = supply.spheron[0], script.day(70)
    small, larger = order_specs("rtx4090", 1, "eu-west"), order_specs("rtx4090", 2, "eu-west")
    order = spheron_lease(script, start, customer, provider, small, 100, 40, "unlucky updated")
    usd = script.stage.at("tokens", "TUSD").address
    price, blocks = 80 * 10**16 // 1800, 200 * 1800
    script.call(start + DAY, customer, ("spheron", "escrow"), "deposit", usd, 200 * 10**6)
    script.call(start + DAY, customer, ("spheron", "order"), "requestUpdate", order, price, blocks, larger, 1, 1)
    script.call(start + DAY + HOUR, provider, ("spheron", "bid"), "acceptUpdate", order, price)
    spheron_close(script, start + 4 * DAY, order, provider)
    ignored = Ref("spheron", "unlucky ignored")
    script.call(
        start + 5 * DAY, customer, ("spheron", "order"), "createOrder", price, 1800, usd, larger, 1, 1, opens=ignored
    )
    script.call(start + 6 * DAY, customer, ("spheron", "order"), "cancelOrder", ignored)
    script.call(start + 7 * DAY, customer, ("spheron", "escrow"), "withdraw", usd, 10**7)


def _deeplink(script: Script, customer: bytes, friend: bytes) -> None:
    holder, admin = script.wallet("provider unlucky rigs"), script.stage.deployer
    at = script.day(80)
    rigs = [stake(script, at, holder, f"{n + 8192:064x}", "NVIDIA GeForce RTX 3090", 20) for n in range(2)]
    renewed = rent_rig(script, at + DAY, rigs[0], customer, 48, "unlucky renewed")
    renew_rig(script, at + 2 * DAY, renewed, rigs[0], friend, 48)
    script.call(at + 3 * DAY, customer, RENT, "reportFault", renewed)
    script.call(at + 3 * DAY + HOUR, admin, RENT, "slashOffline", renewed, CREDIT_PER_DOLLAR * 10**18)
    monthly = Ref("deeplink_dbc", "unlucky monthly")
    fee = 20 * CREDIT_PER_DOLLAR * 10**18
    script.call(at + DAY, friend, RENT, "rentProxyMachineByMonth", customer, rigs[1].machine_id, fee, opens=monthly)
    script.spends(at + DAY, friend, script.stage.at(*RENT).address, coin="TDLC")
    script.call(at + 31 * DAY + HOUR, customer, RENT, "endRentMachine", monthly)
    script.call(at + 32 * DAY, holder, ("deeplink_dbc", "staking"), "unstake", rigs[1].machine_id)
