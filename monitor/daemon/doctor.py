"""Look at everything a run depends on before it runs: adapters, ledger, nodes, contracts, sinks, age of the files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, NamedTuple

from monitor.alerts.ssrf import check_url, resolve_target
from monitor.chain.erc20 import erc20_decimals
from monitor.chain.probe import Abilities, probe
from monitor.chain.rpc import RpcClient
from monitor.config import ChainConfig, Config
from monitor.errors import ConfigError, MonitorError, NodeRefused
from monitor.export import key_id, read_signer
from monitor.hardware import catalogue
from monitor.ledger.reader import Reader
from monitor.ledger.rows import UNSERVED, ChainRow
from monitor.markets.lint import check
from monitor.rules.legal import is_stale, legal_status
from monitor.views import format as shown
from monitor.views.bundle import Bundle, load_bundle
from monitor.views.native import told

__all__ = ["Check", "examine"]

_HEAD_AGE = 600
_CATALOGUE_DAYS = 180
_MAX_CONTRACTS = 40
_FEW_BLOCKS = 500


class Check(NamedTuple):
    """One thing that was looked at; `fix` says what to do unless all is well."""

    level: Literal["ok", "warn", "fail"]
    what: str
    detail: str
    fix: str = ""


async def examine(config: Config) -> AsyncIterator[Check]:
    """Look at everything, one `Check` at a time; never raises for what it finds wrong."""
    try:
        bundle = load_bundle(config)
    except MonitorError as error:
        for line in error.message.splitlines():
            yield Check("fail", "config", line, error.hint)
        return
    for item in (*_adapters(bundle), *_ledger(config), *_files(), *_signing(config)):
        yield item
    chains = {name: chain for name, chain in config.chains.items() if chain.enabled}
    if not chains:
        yield Check("fail", "chains", "no chain is enabled", "set enabled = true in a [chains.…] table")
    found = await asyncio.gather(*(_chain(name, chain, bundle) for name, chain in chains.items()))
    for checks in (*found, await _sinks(config)):
        for item in checks:
            yield item


def _adapters(bundle: Bundle) -> Iterator[Check]:
    problems = check(bundle.markets)
    for problem in problems:
        yield Check("fail", "markets", problem.text(), "`monitor markets check` lists all")
    if not problems:
        yield Check("ok", "markets", f"{len(bundle.markets)} adapters, {len(bundle.bound)} contracts to watch")
    if not bundle.bound:
        yield Check("warn", "markets", "no market has a contract on an enabled chain", "see `monitor markets list`")


def _ledger(config: Config) -> Iterator[Check]:
    path = Path(config.ledger.path).expanduser()
    if not path.exists():
        folder = path.absolute().parent
        if folder.is_dir():
            yield Check("ok", "ledger", f"{path} will be made by the first run")
        else:
            yield Check("fail", "ledger", f"{folder} is no folder", "make it, or change ledger.path")
        return
    try:
        with Reader(path) as reader:
            chains, held = reader.chains(), reader.prove()
    except MonitorError as error:
        yield Check("fail", "ledger", error.message, error.hint)
    else:
        size = path.stat().st_size // 1024
        told = [path, _count(len(chains), "chain"), f"{size} KiB", _count(held, "segment")]
        yield Check("ok", "ledger", f"{', '.join(map(str, told))}, all read and sound")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _files() -> Iterator[Check]:
    today = datetime.fromtimestamp(time.time(), UTC).date()
    legal = legal_status()
    if is_stale(legal, today.isoformat()):
        yield Check(
            "warn", "legal file", f"{legal.version} was to be verified by {legal.verify_by}", "update the program"
        )
    else:
        yield Check("ok", "legal file", f"{legal.version}, verify by {legal.verify_by}; not legal advice")
    as_of: date = catalogue().as_of
    age = (today - as_of).days
    level: Literal["ok", "warn"] = "warn" if age > _CATALOGUE_DAYS else "ok"
    yield Check(
        level,
        "catalogue",
        f"accelerators as of {as_of}, {age} days old",
        "update the program" if age > _CATALOGUE_DAYS else "",
    )


def _signing(config: Config) -> Iterator[Check]:
    reference = config.export.signing_key
    if reference is None:
        return
    try:
        key = read_signer(reference)
    except ConfigError as error:
        yield Check("fail", "signing key", error.message, error.hint)
    else:
        yield Check("ok", "signing key", f"exports are signed by {key_id(key)}")


async def _chain(name: str, chain: ChainConfig, bundle: Bundle) -> list[Check]:
    checks = []
    for place, endpoint in enumerate(chain.rpc):
        what = f"chain {name}"
        try:
            async with RpcClient(name, chain.id, [endpoint], timeout_seconds=chain.timeout_seconds, attempts=1) as rpc:
                checks += await _endpoint(what, chain, place, rpc, bundle)
        except MonitorError as error:
            checks.append(Check("fail", what, error.message, error.hint.partition("; `monitor doctor`")[0]))
    return [*checks, *await _trailing(name, chain)]


async def _trailing(name: str, chain: ChainConfig) -> list[Check]:
    """Say whose head is far behind the others'; who cannot be asked was told of before."""
    async with RpcClient(name, chain.id, chain.rpc, timeout_seconds=chain.timeout_seconds, attempts=1) as rpc:
        with suppress(MonitorError):
            await rpc.compare_heads()
        return [
            Check("warn", f"chain {name}", f"{item.label}: {item.error}", "works; the others are asked for new blocks")
            for item in rpc.endpoints()
            if item.health == "trailing"
        ]


async def _endpoint(what: str, chain: ChainConfig, place: int, rpc: RpcClient, bundle: Bundle) -> list[Check]:
    began = time.monotonic()
    await rpc.check()
    head = await rpc.block_number()
    (header,) = await rpc.headers([head])
    took = time.monotonic() - began
    label = rpc.endpoints()[0].label
    age = int(time.time()) - header.timestamp
    checks = [Check("ok", what, f"{label}: chain id {chain.id}, head {head}, {took * 1000:.0f} ms for three calls")]
    if abs(age) > _HEAD_AGE:
        when = f"{age // 60} minutes old" if age > 0 else f"{-age // 60} minutes ahead of this clock"
        checks.append(Check("warn", what, f"{label}: its head is {when}", "the node lags, or a clock is wrong"))
    found = await probe(rpc, head, chain.native, indexed=chain.index_only(head), pushes=chain.rpc[place].pushes)
    checks += _abilities(what, label, head, found)
    checks.append(_native(what, label, chain, found))
    contracts = {item.address: item for item in bundle.bound if item.chain_id == chain.id and item.address}
    for address, item in sorted(contracts.items())[:_MAX_CONTRACTS]:
        try:
            has_code = await rpc.has_code(address)
        except NodeRefused:
            fix = "works; a wrong address of a contract is not noticed"
            checks.append(Check("warn", what, f"{label}: does not say which contracts have code", fix))
            break
        if not has_code:
            detail = f"{label}: no code at {shown.address(address)} ({item.market}, {item.role})"
            checks.append(Check("fail", what, detail, "check the deployment's address and chain"))
    for (chain_id, token), info in sorted(bundle.tokens.items()):
        if chain_id == chain.id:
            checks += await _token(what, label, rpc, token, info.decimals)
    return checks


def _abilities(what: str, label: str, head: int, found: Abilities) -> Iterator[Check]:
    """Say what an endpoint has, and for each thing it lacks what follows and what helps."""
    few = found.span < min(_FEW_BLOCKS, head + 1)
    fix = "history will take many requests; a paid plan or an own node takes more blocks" if few else ""
    yield Check("warn" if few else "ok", what, f"{label}: takes {found.span} blocks in a request for logs", fix)
    if not found.batches:
        yield Check("warn", what, f"{label}: takes no batches", "works, with more requests: mind its rate limit")
    if not found.receipts:
        fix = "doubts about its logs are settled by a second look; add an endpoint that has it"
        yield Check("warn", what, f"{label}: no eth_getBlockReceipts", fix)
    if not found.archive:
        fix = "contract reads at old blocks need an archive node; logs do not"
        yield Check("warn", what, f"{label}: no state of old blocks", fix)
    if found.lag is None:
        fix = 'finality falls back to finality_depth; set finality = "depth" to say so'
        yield Check("warn", what, f"{label}: no finalized tag", fix)
    else:
        yield Check("ok", what, f"{label}: the finalized block is {found.lag} behind the head")
    if found.news is not None:
        text = "pushes new heads" if found.news else "pushed no head within a quarter of a minute"
        fix = "" if found.news else "the head is polled every poll_seconds instead"
        yield Check("ok" if found.news else "warn", what, f"{label}: {text}", fix)


def _native(what: str, label: str, chain: ChainConfig, found: Abilities) -> Check:
    """Say whether native value is read with this endpoint, and by what."""
    none = "" if chain.native_lookback_blocks is None else UNSERVED
    text, hint = told(chain, ChainRow(chain_id=chain.id, name="", native_way=found.native or none))
    unseen = "; what contracts pay out is not seen that way" if found.native == "native" else ""
    return Check("warn" if hint else "ok", what, f"{label}: with it alone, native value {text}{unseen}", hint)


async def _token(what: str, label: str, rpc: RpcClient, token: bytes, decimals: int) -> Sequence[Check]:
    try:
        said = await erc20_decimals(rpc, token)
    except MonitorError as error:
        return [Check("warn", what, f"{label}: {error.message}", error.hint)]
    if said != decimals:
        detail = f"{label}: token 0x{token.hex()} has {said} decimals, the configuration says {decimals}"
        return [Check("fail", what, detail, "correct the token's decimals: every amount depends on them")]
    return []


async def _sinks(config: Config) -> list[Check]:
    checks = []
    for name, sink in config.alerts.sinks.items():
        what = f"sink {name}"
        try:
            url = sink.url.reveal()
            check_url(url, local=sink.local)
            await asyncio.wait_for(resolve_target(url, local=sink.local), sink.timeout_seconds)
            for secret in sink.secrets:
                secret.reveal()
        except (MonitorError, TimeoutError, OSError) as error:
            hint = error.hint if isinstance(error, ConfigError) else "`monitor alerts test` sends a test message"
            checks.append(Check("fail", what, getattr(error, "message", "") or "its name does not resolve", hint))
        else:
            checks.append(Check("ok", what, "address and secrets are fine; `monitor alerts test` sends a message"))
    return checks
