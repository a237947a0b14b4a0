"""The shape of an event's `steps`: what SQL cannot say, one table per named step."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = [
    "AkashAttributes",
    "Bits",
    "Call",
    "Calldata",
    "Explode",
    "Items",
    "Json",
    "KeccakPacked",
    "Keys",
    "Lookup",
    "Name",
    "OneOrMore",
    "Range",
    "SpheronSpec",
    "Sql",
    "Step",
    "Table",
    "Text",
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
"""One expression, or several whose texts are joined by `-`."""


class Table(BaseModel):
    """A table of `market.toml`: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Json(Table):
    """Read scalars out of a JSON text: column name → dotted path; everything comes as text."""

    do: Literal["json"]
    of: Text
    paths: dict[Name, Text] = Field(min_length=1)


class SpheronSpec(Table):
    """Read a Spheron order: adds `gpu_model`, `gpu_units`, `replicas`, `gpu_count`, `region`, `spec_name`."""

    do: Literal["spheron_spec"]
    of: Text


class AkashAttributes(Table):
    """Read (key, value) attributes in Akash's grammar: adds `gpu_model` and `region`."""

    do: Literal["akash_attributes"]
    of: Text


class KeccakPacked(Table):
    """Hash packed arguments, as contracts derive identifiers: adds one Binary column."""

    do: Literal["keccak_packed"]
    types: list[Text] = Field(min_length=1, max_length=16)
    args: list[Sql] = Field(min_length=1, max_length=16)
    name: Name = Field(alias="as")


class Bits(Table):
    """Read single bits of a number or word, the lowest being 0: column name → bit; adds true-or-false columns."""

    do: Literal["bits"]
    of: Sql
    places: dict[Name, int] = Field(min_length=1)


class Lookup(Table):
    """Add what other events put into a table before this log, or anywhere in its transaction.

    `take`: the `last` value, `all` values under the key as a list (to be exploded), or their `sum`.
    """

    do: Literal["lookup"]
    table: Name
    key: Keys
    name: Name = Field(alias="as")
    type: Literal["text", "address", "int"] = "text"
    when: Literal["before", "same_tx"] = "before"
    take: Literal["last", "all", "sum"] = "last"


class Explode(Table):
    """Make one row per element of a list column, or of several lists side by side; a tuple's fields stay together."""

    do: Literal["explode"]
    of: OneOrMore


class Items(Table):
    """Read a list without making rows of it: of the elements that pass `where`, the first one's values, sums, a count.

    Expressions see the fields of an element's tuple, or `item` where elements are no tuples.
    """

    do: Literal["items"]
    of: Sql
    where: Sql | None = None
    first: dict[Name, Sql] = Field(default_factory=dict)
    total: dict[Name, Sql] = Field(default_factory=dict)
    count: Name | None = None


class Range(Table):
    """Make one row per whole number from `first` on, `count` of them."""

    do: Literal["range"]
    first: Sql
    count: Sql
    name: Name = Field(alias="as")


class Call(Table):
    """Ask a contract: adds a struct of what it returned, null where that could not be had.

    `function` is written as in Solidity with names for what comes back, in one or several layouts: the first that fits
    the answer counts. Asked is `to`, else the contract in `role`, else the emitter, as of the log's block, the one
    `before` it, or, for what never changes, `any` block once.
    """

    do: Literal["call"]
    function: OneOrMore
    args: list[Sql] = Field(default_factory=list, max_length=16)
    to: Sql | None = None
    role: Name | None = None
    at: Literal["block", "before", "any"] = "block"
    name: Name = Field(alias="as")


class Calldata(Table):
    """Read the arguments its transaction called the emitter (or the contract in `role`) with: adds a struct of them.

    Null where the transaction called something else first, so that the arguments are not on the chain as such.
    """

    do: Literal["calldata"]
    function: OneOrMore
    role: Name | None = None
    name: Name = Field(alias="as")


Step = Annotated[
    Json | SpheronSpec | AkashAttributes | KeccakPacked | Bits | Lookup | Explode | Items | Range | Call | Calldata,
    Field(discriminator="do"),
]
