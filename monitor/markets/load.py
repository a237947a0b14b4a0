"""Read `market.toml` files into markets, and apply the configuration to get the contracts to watch on each chain."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from monitor.abi import EventDecl, parse_event
from monitor.config import Config
from monitor.config.plain import plain
from monitor.config.resources import bundled
from monitor.errors import ConfigError, MarketError
from monitor.markets.lines import Path as Key
from monitor.markets.lines import lines_of, nearest
from monitor.markets.only import ANY, topics_of
from monitor.markets.spec import DeploymentTable, EventTable, MarketFile, PaidUntil, TokenTable, Verb
from monitor.markets.stepspec import Lookup, Step
from monitor.model.chain import Topics

__all__ = [
    "Bound",
    "Market",
    "Problem",
    "Rule",
    "TokenInfo",
    "bind",
    "bind_everywhere",
    "filling_order",
    "folders",
    "homeless_events",
    "load_markets",
    "raise_problems",
    "tokens",
]

MAX_BYTES = 512 * 1024
FILE = "market.toml"
_HINT = "`monitor markets check` lists every problem with its line"


class Problem(NamedTuple):
    """What is wrong in a market file, and where."""

    file: str
    line: int
    message: str

    def text(self) -> str:
        """Render as `file:line: message`."""
        return f"{self.file}:{self.line}: {self.message}"


class Rule(NamedTuple):
    """One `[[event]]`: the layouts it reads and what they mean; `place` counts from 0 in the file."""

    place: int
    roles: tuple[str, ...]
    decls: tuple[EventDecl, ...]
    verb: Verb
    key: tuple[str, ...]
    sets: tuple[tuple[str, str], ...]
    """(unified column, SQL), sorted."""
    steps: tuple[Step, ...]
    where: str | None
    table: str | None
    value: str | None
    child: str | None
    rank: int | None = None
    """Where its table stands in `filling_order`; None for what fills no table."""


class Market(NamedTuple):
    """A loaded adapter."""

    id: str
    title: str
    source: str
    verified: str
    paid_until: PaidUntil
    block_seconds: Decimal | None
    undeployed: tuple[str, ...]
    missing: Mapping[str, str]
    tokens: tuple[TokenTable, ...]
    deployments: tuple[DeploymentTable, ...]
    only: tuple[tuple[Topics, ...], ...]
    """Of each deployment the topics it is asked for by; none: all its logs."""
    rules: tuple[Rule, ...]
    path: Path
    lines: Mapping[Key, int]

    def roles(self) -> tuple[str, ...]:
        """Name the roles its events are emitted by, sorted."""
        return tuple(sorted({role for rule in self.rules for role in rule.roles}))

    def problem(self, message: str, *where: str | int) -> Problem:
        """Make a problem at the line of a key."""
        return Problem(str(self.path), nearest(self.lines, where), message)


class Bound(NamedTuple):
    """A contract to watch: one role of one market on one chain, with the constants its expressions may use.

    `address` is empty where events count whoever emits them; `block_seconds` what one block of the market's own clock
    lasts, None when neither adapter nor chain says; `to_block` the last block whose logs count, None for all; `only`
    the topics whose logs count, none for all.
    """

    chain_id: int
    market: str
    role: str
    address: bytes
    from_block: int
    token: bytes | None
    token_decimals: int | None
    block_seconds: Decimal | None
    to_block: int | None = None
    only: tuple[Topics, ...] = ()


class TokenInfo(NamedTuple):
    """A payment token; `usd` is the fixed dollar value of one whole token, None when it floats."""

    chain_id: int
    address: bytes
    symbol: str
    decimals: int
    usd: Decimal | None
    by_date: tuple[tuple[date, Decimal], ...] = ()
    """Dollar values of a floating token, each from its day on."""
    oracle: tuple[bytes, int] | None = None
    """Address and decimals of a price feed on the same chain."""


def folders(config: Config, base: Path | None = None) -> tuple[Path, ...]:
    """List the folders that hold market folders: `market_path` (relative to `base`), then the built-in one."""
    own = [Path(text).expanduser() for text in config.market_path]
    return (*((base / path if base else path) for path in own), bundled("abis"))


def load_markets(paths: Sequence[Path]) -> dict[str, Market]:
    """Load every `<folder>/<market>/market.toml`; of two markets with one id the earlier folder's counts.

    Raises MarketError with one line per problem, each with file and line.
    """
    markets: dict[str, Market] = {}
    problems: list[Problem] = []
    for folder in paths:
        if not folder.is_dir():
            problems.append(Problem(str(folder), 1, "no such folder of markets"))
            continue
        if (folder / FILE).exists():
            problems.append(
                Problem(str(folder / FILE), 1, f"is one market; name the folder it stands in, {folder.parent}")
            )
            continue
        here: dict[str, Market] = {}
        for path in sorted(folder.glob(f"*/{FILE}")):
            market, found = _load(path)
            problems += found
            if market and market.id in here:
                problems.append(market.problem(f"market {market.id} is also in {here[market.id].path}", "market", "id"))
            elif market:
                here[market.id] = market
        markets = {**here, **markets}
    raise_problems(problems)
    return dict(sorted(markets.items()))


def filling_order(rules: Iterable[Rule]) -> dict[str, int]:
    """Rank the tables of a market: one is filled after those its rules look up; a table that needs itself has no rank.

    A table nobody fills has rank 0.
    """
    needs: dict[str, set[str]] = {}
    for rule in rules:
        if rule.table:
            needs.setdefault(rule.table, set()).update(x.table for x in rule.steps if isinstance(x, Lookup))
    ranks = {table: 0 for tables in needs.values() for table in tables if table not in needs}
    while ready := [table for table, tables in needs.items() if table not in ranks and tables <= ranks.keys()]:
        ranks |= {table: 1 + max((ranks[other] for other in needs[table]), default=0) for table in ready}
    return ranks


def homeless_events(market: Market) -> tuple[tuple[str, bytes, int], ...]:
    """List (role, topic0, topics) of the events of roles that have no published address: undeployed ones, children."""
    deployed = {item.role for item in market.deployments}
    return tuple(
        dict.fromkeys(
            (role, decl.topic0, decl.topics())
            for rule in market.rules
            for role in rule.roles
            if role not in deployed
            for decl in rule.decls
        )
    )


def raise_problems(problems: Iterable[Problem]) -> None:
    """Raise MarketError naming all problems, or return when there are none."""
    lines = [problem.text() for problem in problems]
    if lines:
        raise MarketError("\n".join(lines), hint=_HINT)


def bind(markets: Mapping[str, Market], config: Config) -> tuple[Bound, ...]:
    """List the contracts to watch: enabled markets on enabled chains, `opt_in` ones if `[markets.<id>]` is there.

    Deployments in the configuration replace the adapter's on that chain. Raises ConfigError with one line per problem.
    """
    problems = [f"markets.{name}: no such market" for name in config.markets if name not in markets]
    known = tokens(markets, config)
    bound: list[Bound] = []
    for market in markets.values():
        own = config.markets.get(market.id)
        if own and not own.enabled:
            continue
        for name, chain in config.chains.items():
            if not chain.enabled:
                continue
            seconds = _block_seconds(market, config, chain.id)
            replaced = own.deployments.get(name) if own else None
            if replaced is None:
                bound += _adapter_bounds(market, known, chain.id, seconds, opted=own is not None)
                continue
            where = f"markets.{market.id}.deployments.{name}"
            token = bytes.fromhex(replaced.token[2:]) if replaced.token else None
            if token and (chain.id, token) not in known:
                problems.append(f"{where}.token: its decimals are not known; add it to [chains.{name}.tokens]")
            decimals = known[chain.id, token].decimals if token and (chain.id, token) in known else None
            for role, address in replaced.contracts.items():
                if role not in market.roles():
                    problems.append(f"{where}.contracts.{role}: no such role; known: {', '.join(market.roles())}")
                raw = bytes.fromhex(address[2:])
                bound.append(Bound(chain.id, market.id, role, raw, replaced.from_block, token, decimals, seconds))
    if problems:
        raise ConfigError("\n".join(problems), hint="`monitor markets list` names the markets, `show` their roles")
    return tuple(sorted(bound, key=_bound_order))


def bind_everywhere(markets: Mapping[str, Market], config: Config | None = None) -> tuple[Bound, ...]:
    """List the adapters' contracts on every chain, beside those of the configuration: what a bare log may be from."""
    mine = bind(markets, config) if config else ()
    taken = {(item.chain_id, item.market) for item in mine}
    known = tokens(markets, config)
    more = [
        item
        for market in markets.values()
        for chain in sorted({item.chain for item in market.deployments if item.chain})
        if (chain, market.id) not in taken
        for item in _adapter_bounds(market, known, chain, _block_seconds(market, config, chain), opted=True)
    ]
    return tuple(sorted([*mine, *more], key=_bound_order))


def tokens(markets: Mapping[str, Market], config: Config | None = None) -> dict[tuple[int, bytes], TokenInfo]:
    """Know the payment tokens by (chain id, address): those of the adapters, then those of the configuration."""
    found: dict[tuple[int, bytes], TokenInfo] = {}
    for market in markets.values():
        for token in market.tokens:
            raw = bytes.fromhex(token.address[2:])
            found[token.chain, raw] = TokenInfo(token.chain, raw, token.symbol, token.decimals, _usd(token.usd))
    for chain in config.chains.values() if config else ():
        for symbol, own in chain.tokens.items():
            raw = bytes.fromhex(own.address[2:])
            by_date = tuple(sorted((date.fromisoformat(day), Decimal(usd)) for day, usd in own.usd_by_date.items()))
            feed = (bytes.fromhex(own.oracle.address[2:]), own.oracle.decimals) if own.oracle else None
            found[chain.id, raw] = TokenInfo(chain.id, raw, symbol, own.decimals, _usd(own.usd), by_date, feed)
    return found


def _usd(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _bound_order(item: Bound) -> tuple[int, str, str, bytes]:
    return item.chain_id, item.market, item.role, item.address


def _block_seconds(market: Market, config: Config | None, chain_id: int) -> Decimal | None:
    """Prefer what the user wrote for the chain, then what the market says of its own clock, then the default."""
    chain = next((chain for chain in config.chains.values() if chain.id == chain_id), None) if config else None
    if chain and "block_seconds" in chain.model_fields_set:
        return Decimal(chain.block_seconds)
    return market.block_seconds or (Decimal(chain.block_seconds) if chain else None)


def _adapter_bounds(
    market: Market,
    known: Mapping[tuple[int, bytes], TokenInfo],
    chain_id: int,
    seconds: Decimal | None,
    *,
    opted: bool,
) -> list[Bound]:
    bound = []
    for item, only in zip(market.deployments, market.only, strict=True):
        if item.chain != chain_id or (item.opt_in and not opted):
            continue
        token = bytes.fromhex(item.token[2:]) if item.token else None
        info = known.get((chain_id, token)) if token else None
        decimals = info.decimals if info else item.token_decimals
        raw = b"" if item.address == ANY else bytes.fromhex(item.address[2:])
        bound.append(
            Bound(chain_id, market.id, item.role, raw, item.from_block, token, decimals, seconds, item.to_block, only)
        )
    return bound


def _load(path: Path) -> tuple[Market | None, list[Problem]]:
    try:
        raw = path.read_bytes()
        if len(raw) > MAX_BYTES:
            return None, [Problem(str(path), 1, f"larger than {MAX_BYTES} bytes")]
        text = raw.decode()
        table = tomllib.loads(text)
    except OSError as error:
        return None, [Problem(str(path), 1, f"cannot be read: {error.strerror}")]
    except UnicodeDecodeError as error:
        return None, [Problem(str(path), raw.count(b"\n", 0, error.start) + 1, "not UTF-8")]
    except tomllib.TOMLDecodeError as error:
        return None, [Problem(str(path), _syntax_line(str(error)), f"TOML syntax: {error}")]
    lines = lines_of(text)
    try:
        file = MarketFile.model_validate(table)
    except ValidationError as error:
        return None, [_schema_problem(path, lines, item["loc"], item["type"], item["msg"]) for item in error.errors()]
    return _parsed(file, path, lines)


def _syntax_line(message: str) -> int:
    _, _, rest = message.partition("(at line ")
    number = rest.partition(",")[0]
    return int(number) if number.isdigit() else 1


def _schema_problem(path: Path, lines: Mapping[Key, int], loc: Key, kind: str, message: str) -> Problem:
    where = [part for part in loc if part != "[key]"]
    return Problem(str(path), nearest(lines, where), f"{'.'.join(map(str, where))}: {plain(kind, message)}")


def _parsed(file: MarketFile, path: Path, lines: Mapping[Key, int]) -> tuple[Market | None, list[Problem]]:
    problems: list[Problem] = []
    rules = [_rule(index, event, path, lines, problems) for index, event in enumerate(file.event)]
    order = filling_order(rules)
    rules = [rule._replace(rank=order.get(rule.table, 0)) if rule.table else rule for rule in rules]
    head = file.market
    market = Market(
        head.id,
        head.title,
        head.source,
        head.verified,
        head.paid_until,
        _usd(head.block_seconds),
        tuple(head.undeployed),
        {str(what): why for what, why in head.missing.items()},
        tuple(file.token),
        tuple(file.deployment),
        tuple(_only(place, item, rules, path, lines, problems) for place, item in enumerate(file.deployment)),
        tuple(rules),
        path,
        lines,
    )
    return (None if problems else market), problems


def _only(
    place: int,
    item: DeploymentTable,
    rules: Sequence[Rule],
    path: Path,
    lines: Mapping[Key, int],
    problems: list[Problem],
) -> tuple[Topics, ...]:
    try:
        return topics_of(item, [decl for rule in rules if item.role in rule.roles for decl in rule.decls])
    except ValueError as error:
        problems.append(Problem(str(path), nearest(lines, ("deployment", place, "only")), str(error)))
        return ()


def _rule(index: int, event: EventTable, path: Path, lines: Mapping[Key, int], problems: list[Problem]) -> Rule:
    decls = []
    for place, text in enumerate(event.decl):
        try:
            decls.append(parse_event(text))
        except MarketError as error:
            problems.append(Problem(str(path), nearest(lines, ("event", index, "decl", place)), error.message))
    return Rule(
        index,
        tuple(event.role),
        tuple(decls),
        event.verb,
        tuple(event.key),
        tuple(sorted(event.set.items())),
        tuple(event.steps),
        event.where,
        event.table,
        event.value,
        event.child,
    )
