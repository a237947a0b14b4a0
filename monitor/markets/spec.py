"""The shape of `market.toml`: every table, key and type. What its SQL means is checked by `monitor.markets.lint`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from monitor.config.spec import AddressText, DecimalText

__all__ = [
    "AkashAttributes",
    "Call",
    "DeploymentTable",
    "EventTable",
    "Explode",
    "Json",
    "KeccakPacked",
    "Lookup",
    "MarketFile",
    "MarketTable",
    "SpheronSpec",
    "Step",
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

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Sql = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500)]


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _distinct(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        message = "the same entry twice"
        raise ValueError(message)
    return values


OneOrMore = Annotated[
    list[Text], BeforeValidator(_listed), Field(min_length=1, max_length=200), AfterValidator(_distinct)
]


Keys = Annotated[list[Sql], BeforeValidator(_listed), Field(min_length=1, max_length=8)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class MarketTable(_Table):
    """What the market is and where its facts come from; `block_seconds` turns prices per block into time."""

    id: Name
    title: Text
    source: Text
    verified: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    paid_until: Literal["fixed_end", "stream"]
    """`fixed_end`: a lease is paid up to its planned end; `stream`: up to last settlement + balance ÷ rate."""
    block_seconds: DecimalText | None = None
    undeployed: list[Name] = []
    """Roles whose address no public source gives: only a configuration can bind them."""


class TokenTable(_Table):
    """A payment token of a chain; `usd` is the fixed dollar value of one whole token, absent when it floats."""

    chain: int = Field(ge=1)
    address: AddressText
    symbol: Text
    decimals: int = Field(ge=0, le=36)
    usd: DecimalText | None = None


class DeploymentTable(_Table):
    """One contract: its role, and the token it is paid in where its events do not say."""

    chain: int = Field(ge=1)
    network: Text
    role: Name
    address: AddressText
    from_block: int = Field(default=0, ge=0)
    token: AddressText | None = None
    token_decimals: int | None = Field(default=None, ge=0, le=36)
    """Stated where the decimals are known but the token's address is not."""


class Json(_Table):
    """Read scalars out of a JSON text: column name → dotted path; everything comes as text."""

    do: Literal["json"]
    of: Text
    paths: dict[Name, Text] = Field(min_length=1)


class SpheronSpec(_Table):
    """Read a Spheron order: adds `gpu_model`, `gpu_units`, `replicas`, `gpu_count`, `region`, `spec_name`."""

    do: Literal["spheron_spec"]
    of: Text


class AkashAttributes(_Table):
    """Read (key, value) attributes in Akash's grammar: adds `gpu_model` and `region`."""

    do: Literal["akash_attributes"]
    of: Text


class KeccakPacked(_Table):
    """Hash packed arguments, as contracts derive identifiers: adds one Binary column."""

    do: Literal["keccak_packed"]
    types: list[Text] = Field(min_length=1, max_length=16)
    args: list[Sql] = Field(min_length=1, max_length=16)
    name: Name = Field(alias="as")


class Lookup(_Table):
    """Add what another event put into a table: the last put before this log, or any in this transaction."""

    do: Literal["lookup"]
    table: Name
    key: Keys
    name: Name = Field(alias="as")
    type: Literal["text", "address", "int"] = "text"
    when: Literal["before", "same_tx"] = "before"


class Explode(_Table):
    """Make one row per element of a list column."""

    do: Literal["explode"]
    of: Text


class Call(_Table):
    """Contract reads and call data: named by the format, not offered by this version."""

    model_config = ConfigDict(frozen=True, extra="allow")
    do: Literal["call", "calldata"]


Step = Annotated[
    Json | SpheronSpec | AkashAttributes | KeccakPacked | Lookup | Explode | Call, Field(discriminator="do")
]


class EventTable(_Table):
    """What one logical event means: its layouts, the verb, the subject's key and the unified columns it sets."""

    role: OneOrMore
    decl: OneOrMore
    verb: Verb
    key: Keys = []
    """One expression, or several whose texts are joined by `-`."""
    set: dict[str, Sql] = {}
    steps: list[Step] = []
    where: Sql | None = None
    table: Name | None = None
    value: Sql | None = None
    provenance: Text | None = None


class MarketFile(_Table):
    """A whole adapter."""

    market: MarketTable
    token: list[TokenTable] = []
    deployment: list[DeploymentTable] = []
    event: list[EventTable] = Field(min_length=1, max_length=400)
