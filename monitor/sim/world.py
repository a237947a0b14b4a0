"""Play a whole world on a local node and say what is true in it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from eth_utils.address import to_checksum_address

from monitor.errors import InputError
from monitor.sim.actors import (
    play_crowd,
    play_edges,
    play_honest,
    play_proxies,
    play_proxies_elsewhere,
    play_supply,
    play_troubles,
)
from monitor.sim.anvil import GENESIS
from monitor.sim.node import Node
from monitor.sim.player import build, perform
from monitor.sim.script import DAY, Script, Truth
from monitor.sim.stage import MARKETS, Stage, build_stage

__all__ = [
    "FINALITY_DEPTH",
    "Deployment",
    "Token",
    "World",
    "config_toml",
    "describe",
    "play",
    "write_script",
    "write_truth",
]

FINALITY_DEPTH = 32
"""Blocks below the head from which a world's chain counts as final."""
_DOLLARS = {"TUSD": (6, "1"), "TDLC": (18, "0.01")}
_PAID_IN = {"deeplink_dbc": "TDLC"}


class Token(msgspec.Struct, frozen=True):
    """A payment token of the world: `usd` is the fixed value of one whole token."""

    address: str
    decimals: int
    usd: str


class Deployment(msgspec.Struct, frozen=True):
    """Where a market's contracts stand, by the roles of its adapter, from which block, paid in which token."""

    contracts: dict[str, str]
    from_block: int
    token: str


class World(msgspec.Struct, frozen=True):
    """What was played: times in seconds, `transactions` without the deployments, `head` is the last block."""

    chain_id: int
    seed: int
    scale: float
    deployments: dict[str, Deployment]
    tokens: dict[str, Token]
    truth: tuple[Truth, ...]
    start: int
    end: int
    head: int
    transactions: int


def write_script(*, seed: int, scale: float = 1.0, start: int = GENESIS + DAY) -> Script:
    """Write the whole script without a node: same seed and scale, same steps."""
    probe = Script(Stage(b"", (), ()), seed=seed, start=start, scale=scale)
    stage = build_stage(probe.wallet("deployer"), probe.wallets("member", 3))
    script = Script(stage, seed=seed, start=start, scale=scale)
    supply = play_supply(script, script.wallet("exchange"))
    play_crowd(script, supply)
    play_honest(script, supply)
    play_proxies(script, supply)
    play_proxies_elsewhere(script, supply)
    play_edges(script, supply)
    play_troubles(script, supply)
    return script


async def play(url: str, *, seed: int = 7, scale: float = 1.0, start: int = GENESIS + DAY) -> World:
    """Deploy everything on the node at `url` and play the script; raises NodeRefused when a transaction fails.

    The node must be a fresh anvil whose clock stands before `start`; `scale` multiplies the crowd's leases.
    """
    script = write_script(seed=seed, scale=scale, start=start)
    async with Node(url) as node:
        nonces: dict[bytes, int] = {}
        blocks = await build(node, script.stage, nonces, rich=script.wallet("exchange"), before=start)
        await perform(node, script, nonces)
        head = int(await node.rpc("eth_blockNumber"), 16)
        chain_id = int(await node.rpc("eth_chainId"), 16)
    return describe(script, chain_id, blocks, head=head)


def describe(script: Script, chain_id: int, blocks: dict[bytes, int], *, head: int) -> World:
    """Say what was played: `blocks` is where each contract was deployed."""
    steps = script.steps()
    return World(
        chain_id=chain_id,
        seed=script.seed,
        scale=script.scale,
        deployments=_deployments(script.stage, blocks),
        tokens=_tokens(script.stage),
        truth=tuple(script.truths),
        start=script.start,
        end=steps[-1].at,
        head=head,
        transactions=len(steps),
    )


def write_truth(world: World, path: Path) -> None:
    """Write the world and its truth as JSON with sorted keys; raises InputError when the file cannot be written."""
    text = msgspec.json.format(msgspec.json.encode(world, order="sorted"), indent=2)
    try:
        path.write_bytes(text + b"\n")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError(message, hint="choose another folder") from error


def config_toml(world: World, rpc_url: str, *, chain: str = "local", poll_seconds: float = 0.2) -> str:
    """Give the part of config.toml that points the adapters to this world."""
    lines = [
        f"[chains.{chain}]",
        f"id = {world.chain_id}",
        f'rpc = ["{rpc_url}"]',
        'finality = "depth"',
        f"finality_depth = {FINALITY_DEPTH}",
        'block_seconds = "2"',
        f"poll_seconds = {poll_seconds}",
        "max_span = 200",
        f"native_lookback_blocks = {world.head + 1}",
    ]
    for symbol, token in world.tokens.items():
        lines += ["", f"[chains.{chain}.tokens.{symbol}]", f'address = "{token.address}"']
        lines += [f"decimals = {token.decimals}", f'usd = "{token.usd}"']
    for market, deployment in world.deployments.items():
        table = f"markets.{market}.deployments.{chain}"
        lines += ["", f"[{table}]", f"from_block = {deployment.from_block}", f'token = "{deployment.token}"']
        lines += [f"[{table}.contracts]", *(f'{role} = "{a}"' for role, a in deployment.contracts.items())]
    return "\n".join(lines) + "\n"


def _tokens(stage: Stage) -> dict[str, Token]:
    return {
        symbol: Token(to_checksum_address(stage.at("tokens", symbol).address), decimals, usd)
        for symbol, (decimals, usd) in _DOLLARS.items()
    }


def _deployments(stage: Stage, blocks: dict[bytes, int]) -> dict[str, Deployment]:
    deployments = {}
    for market in MARKETS:
        items = [item for item in stage.deployed if item.market == market]
        deployments[market] = Deployment(
            contracts={item.role: to_checksum_address(item.address) for item in items},
            from_block=min(blocks[item.address] for item in items),
            token=to_checksum_address(stage.at("tokens", _PAID_IN.get(market, "TUSD")).address),
        )
    return deployments
