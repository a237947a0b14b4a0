"""The shape of `market.toml`: every table, key and type. What its SQL means is checked by `monitor.markets.lint`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from monitor.config.spec import AddressText, DateText, DecimalText
from monitor.markets.stepspec import Keys, Name, OneOrMore, Sql, Step, Table, Text

__all__ = [
    "DeploymentTable",
    "EventTable",
    "MarketFile",
    "MarketTable",
    "Missing",
    "OnlyTable",
    "PaidUntil",
    "TokenTable",
    "Verb",
]

Verb = Literal[
    "provider.upsert",
    "provider.remove",
    "account.link",
    "capacity.upsert",
    "capacity.remove",
    "table.put",
    "table.delete",
    "order.open",
    "order.update",
    "order.match",
    "order.close",
    "lease.open",
    "lease.patch",
    "lease.extend",
    "lease.rate",
    "lease.deposit",
    "lease.withdraw",
    "lease.settle",
    "lease.close",
    "lease.slash",
    "lease.dispute",
    "attest",
    "heartbeat",
    "token.define",
    "child.register",
    "abi.epoch",
    "ignore",
]

PaidUntil = Literal["fixed_end", "stream", "job", "none"]
"""`fixed_end`: a lease is paid up to its planned end (in seconds, blocks or epochs); `stream`: up to last settlement +
balance ÷ rate; `job`: until the job is done, at most up to its deadline; `none`: the market has no leases."""
ArgValue = Annotated[str, StringConstraints(min_length=1, max_length=200)] | int | bool
PlaceText = Annotated[str, StringConstraints(pattern=r"^(?:0x[0-9a-fA-F]{40}|any)$")]
"""An address, or `any`: the events are read wherever they are emitted."""
Missing = Literal["lease", "gpu", "region", "price", "payer"]


class MarketTable(Table):
    """What the market is and where its facts come from; `block_seconds` turns prices per block into time."""

    id: Name
    title: Text
    source: Text
    verified: DateText
    paid_until: PaidUntil
    block_seconds: DecimalText | None = None
    undeployed: list[Name] = Field(default_factory=list)
    """Roles whose address no public source gives: only a configuration can bind them."""
    missing: dict[Missing, Text] = Field(default_factory=dict)
    """What the market does not say on chain, and why."""


class TokenTable(Table):
    """A payment token of a chain; `usd` is the fixed dollar value of one whole token, absent when it floats."""

    chain: int = Field(ge=1)
    address: AddressText
    symbol: Text
    decimals: int = Field(ge=0, le=36)
    usd: DecimalText | None = None


class OnlyTable(Table):
    """One event to ask for by its topics: `args` are values of indexed arguments, of a list any."""

    event: Text
    args: dict[Text, ArgValue | list[ArgValue]] = Field(default_factory=dict)


class DeploymentTable(Table):
    """One contract, or any contract: its role, and the token it is paid in where its events do not say."""

    chain: int | None = Field(default=None, ge=1)
    """Absent where no public source gives the chain's id: then only a configuration can bind the contract."""
    network: Text
    role: Name
    address: PlaceText
    only: list[OnlyTable] = Field(default_factory=list)
    """The only events to ask for; all of the contract's without it."""
    opt_in: bool = False
    """Watched only where a configuration names the market: it serves many who have nothing to do with the market."""
    from_block: int = Field(default=0, ge=0)
    to_block: int | None = Field(default=None, ge=0)
    """The last block whose logs count, for a contract that was replaced."""
    token: AddressText | None = None
    token_decimals: int | None = Field(default=None, ge=0, le=36)
    """Stated where the decimals are known but the token's address is not."""


class EventTable(Table):
    """What one logical event means: its layouts, the verb, the subject's key and the unified columns it sets."""

    role: OneOrMore
    decl: OneOrMore
    verb: Verb
    key: Keys = Field(default_factory=list)
    """One expression, or several whose texts are joined by `-`."""
    set: dict[str, Sql] = Field(default_factory=dict)
    steps: list[Step] = Field(default_factory=list)
    where: Sql | None = None
    table: Name | None = None
    value: Sql | None = None
    child: Name | None = None
    """On `child.register`: the role of the contract whose address is the key."""


class MarketFile(Table):
    """A whole adapter."""

    market: MarketTable
    token: list[TokenTable] = Field(default_factory=list)
    deployment: list[DeploymentTable] = Field(default_factory=list)
    event: list[EventTable] = Field(min_length=1, max_length=400)
