"""Play a script on the twin: the contracts of the stage, then every step, a block per second of the story."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from typing import Any, NamedTuple

from monitor.errors import InputError
from monitor.model.chain import Header, RawLog, RawTransfer
from monitor.sim.anvil import CHAIN_ID
from monitor.sim.player import RICH_UNITS, RICH_WEI
from monitor.sim.script import HOUR, Inner, Ref, Script, Step, resolve
from monitor.sim.stage import MARKETS, MARLIN_RATE_WAIT, Stage
from monitor.sim.twin.deeplink import Rent, Staking
from monitor.sim.twin.marlin import Marlin
from monitor.sim.twin.record import Fee, Record, Refused, refuse
from monitor.sim.twin.reference import ComputeMarket
from monitor.sim.twin.spheron import Bid, Escrow, Lease, Order, ProviderRegistry
from monitor.sim.twin.tokens import Disperse, MemberWallet, Token

__all__ = ["TwinWorld", "play_twin"]

_DECIMALS = {"TUSD": 6, "TDLC": 18}
_MEMBERS_NEEDED = 2


class TwinWorld(NamedTuple):
    """A chain as a node would have it: rows in chain order, and the block each contract was deployed in."""

    headers: list[Header]
    logs: list[RawLog]
    transfers: list[RawTransfer]
    fees: list[Fee]
    blocks: dict[bytes, int]


def play_twin(script: Script, *, chain_id: int = CHAIN_ID) -> TwinWorld:
    """Write what a node would have recorded of a script; raises InputError that names the first step that fails."""
    record = Record(chain_id, script.seed)
    stage = script.stage
    blocks = _deploy(record, stage, script.start)
    contracts = _contracts(record, stage)
    _set_up(record, script, contracts)
    _perform(record, script, contracts)
    return TwinWorld(record.headers, record.logs, record.transfers, record.fees, blocks)


def _deploy(record: Record, stage: Stage, before: int) -> dict[bytes, int]:
    blocks = {}
    for number, item in enumerate(stage.deployed):
        record.block(before - 12 * HOUR + 60 * number)
        record.transaction(stage.deployer, b"", 0)
        blocks[item.address] = record.number
        if (item.market, item.role) == ("reference", "market"):
            ComputeMarket(record, item.address, stage.at("tokens", "TUSD").address, b"").initialize(_DECIMALS["TUSD"])
    return blocks


def _contracts(record: Record, stage: Stage) -> dict[bytes, Any]:
    def at(market: str, role: str) -> bytes:
        return stage.at(market, role).address

    usd, coin = at("tokens", "TUSD"), at("tokens", "TDLC")
    found: dict[bytes, Any] = {}

    def dispatch(sender: bytes, target: bytes, function: str, args: tuple[Any, ...]) -> None:
        outer, record.sender = record.sender, sender
        getattr(found[target], function)(*args)
        record.sender = outer

    escrow = Escrow(record, at("spheron", "escrow"))
    order = Order(record, at("spheron", "order"), escrow, {usd: _DECIMALS["TUSD"], coin: _DECIMALS["TDLC"]})
    lease = Lease(record, at("spheron", "lease"), escrow, order)
    registry = ProviderRegistry(record, at("spheron", "provider_registry"))
    staking = Staking(record, at("deeplink_dbc", "staking"))
    found |= {
        usd: Token(record, usd, "TestUSD"),
        coin: Token(record, coin, "TestToken"),
        at("common", "disperse"): Disperse(record),
        at("common", "members"): MemberWallet(record, at("common", "members"), dispatch, _MEMBERS_NEEDED),
        at("reference", "market"): ComputeMarket(record, at("reference", "market"), usd, stage.deployer),
        escrow.address: escrow,
        order.address: order,
        lease.address: lease,
        registry.address: registry,
        at("spheron", "bid"): Bid(record, at("spheron", "bid"), order, lease, registry),
        staking.address: staking,
        at("deeplink_dbc", "rent"): Rent(record, at("deeplink_dbc", "rent"), coin, staking, stage.deployer),
        at("marlin_oyster", "market"): Marlin(record, at("marlin_oyster", "market"), usd, MARLIN_RATE_WAIT),
    }
    return found


def _set_up(record: Record, script: Script, contracts: dict[bytes, Any]) -> None:
    """Connect the contracts and make the exchange rich, as `player.build` does."""
    stage = script.stage
    record.coins[script.wallet("exchange")] = RICH_WEI
    record.block(script.start - 11 * HOUR)
    for call in stage.setup:
        record.transaction(stage.deployer, call.to, 0)
    for item in stage.deployed:
        if item.market == "tokens":
            record.transaction(stage.deployer, item.address, 0)
            record.mint(contracts[item.address].address, script.wallet("exchange"), RICH_UNITS)


def _perform(record: Record, script: Script, contracts: dict[bytes, Any]) -> None:
    ids: dict[Ref, int] = {}
    counters = dict.fromkeys(MARKETS, 0)
    for at, group in groupby(script.steps(), key=lambda step: step.at):
        record.block(at)
        for step in group:
            try:
                _run(record, contracts, step, script.tip(step), ids)
            except Refused as error:
                message = (
                    f"{step.contract or 'transfer'}.{step.function} from 0x{step.sender.hex()} at {at} fails: {error}"
                )
                raise InputError(message, hint="the script and the contracts disagree") from error
            if step.opens is not None:
                counters[step.opens.market] += 1
                ids[step.opens] = counters[step.opens.market]


def _run(record: Record, contracts: dict[bytes, Any], step: Step, tip: int, ids: dict[Ref, int]) -> None:
    record.transaction(step.sender, step.to, step.value, tip)
    if step.function:
        _function(contracts, step.to, step.function)(*(_plain(arg, ids) for arg in step.args))


def _function(contracts: dict[bytes, Any], to: bytes, name: str) -> Callable[..., None]:
    function: Callable[..., None] | None = getattr(contracts.get(to), name, None)
    if function is None:
        why = f"the twin knows no function {name} at 0x{to.hex()}"
        raise refuse(why)
    return function


def _plain(arg: Any, ids: dict[Ref, int]) -> Any:
    if isinstance(arg, Inner):
        return arg.function, tuple(_plain(item, ids) for item in arg.args)
    return resolve(arg, ids)
