"""The shape of `config.toml`: every table, key, type, unit and default."""

from __future__ import annotations

import os
import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import core_schema

from monitor.errors import ConfigError

__all__ = [
    "AddressText",
    "AlertsConfig",
    "ChainConfig",
    "Config",
    "DeploymentConfig",
    "DistrustRange",
    "EndpointConfig",
    "ExportConfig",
    "HealthConfig",
    "LabelConfig",
    "LedgerConfig",
    "Level",
    "MarketConfig",
    "NameConfig",
    "NativeWay",
    "OracleConfig",
    "Secret",
    "SinkConfig",
    "TokenConfig",
    "WalletsConfig",
]

MAX_SECRET_BYTES = 4096
_KEY_IN_URL = re.compile(r"(?<=://)([^/@]*@)|(?<=[/=])([A-Za-z0-9_\-]{20,})")


class Secret:
    """A value that may be sensitive: plain text, `env:NAME` or `file:PATH`; shown masked, read by `reveal`."""

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        self.reference = reference

    @property
    def is_reference(self) -> bool:
        """Whether the text points to the secret instead of being it."""
        return self.reference.startswith(("env:", "file:"))

    def reveal(self) -> str:
        """Read the secret now; raises ConfigError when the variable or file is missing or empty."""
        kind, _, rest = self.reference.partition(":")
        if kind == "env":
            value = os.environ.get(rest, "")
            if not value:
                message = f"environment variable {rest} is not set"
                raise ConfigError(message, hint=f"export {rest}=… or name another source in config.toml")
            return value
        if kind == "file":
            return _read_secret_file(rest)
        return self.reference

    def __str__(self) -> str:
        if self.is_reference:
            return self.reference
        return _KEY_IN_URL.sub(lambda m: "***@" if m[1] else "***", self.reference)

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reference == self.reference

    def __hash__(self) -> int:
        return hash(self.reference)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(min_length=1, max_length=2048),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


def _read_secret_file(path: str) -> str:
    try:
        with Path(path).expanduser().open(encoding="utf-8") as file:
            value = file.read(MAX_SECRET_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"secret file {path} cannot be read: {error}"
        raise ConfigError(message, hint="check the path and its permissions") from error
    if not value:
        message = f"secret file {path} is empty"
        raise ConfigError(message, hint="put the secret on its first line")
    return value


def _only_reference(secret: Secret) -> Secret:
    if not secret.is_reference:
        message = "a secret must be a reference: env:NAME or file:PATH"
        raise ValueError(message)
    return secret


def _decimal_text(text: str) -> str:
    if not re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text):
        message = 'must be a decimal number in quotes with at most 6 places, like "1" or "0.35"'
        raise ValueError(message)
    return str(Decimal(text))


def _date_text(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        message = 'must be a day like "2026-11-01"'
        raise ValueError(message) from None


AddressText = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
DecimalText = Annotated[str, AfterValidator(_decimal_text)]
DateText = Annotated[str, AfterValidator(_date_text)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
OnlyReference = Annotated[Secret, AfterValidator(_only_reference)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LedgerConfig(_Table):
    """Where the ledger lives: `path` of the SQLite file, relative to the working directory."""

    path: str = "monitor.db"


class OracleConfig(_Table):
    """A price feed on the token's chain, in dollars, that answers `latestRoundData()` as Chainlink's do."""

    address: AddressText
    decimals: int = Field(default=8, ge=0, le=36)


class TokenConfig(_Table):
    """A payment token of a chain, and where its dollar value comes from.

    `usd` is the fixed value of one whole token, as of a stablecoin. One that floats has values by day (`usd_by_date`),
    a price feed (`oracle`), both (the feed goes first), or no dollar value at all.
    """

    address: AddressText
    decimals: int = Field(ge=0, le=36)
    usd: DecimalText | None = None
    usd_by_date: dict[DateText, DecimalText] = {}
    oracle: OracleConfig | None = None

    @model_validator(mode="after")
    def _fixed_or_floating(self) -> Self:
        if self.usd is not None and (self.usd_by_date or self.oracle):
            message = "`usd` is fixed; a token with `usd_by_date` or `oracle` floats: keep one kind"
            raise ValueError(message)
        return self


class EndpointConfig(_Table):
    """One endpoint of a chain; a bare URL in `rpc` is one with the defaults. http(s) or ws(s), by the URL's scheme."""

    url: Secret
    cost: int = Field(default=1, ge=0, le=1_000)
    """Dearer endpoints are asked only while no cheaper one can be, or for blocks that those do not have yet."""
    calls_per_second: int | None = Field(default=None, ge=1, le=1_000_000)
    """None: what the endpoint bears is learned from its refusals."""
    calls_per_day: int | None = Field(default=None, ge=1, le=10**12)

    @property
    def pushes(self) -> bool:
        """Whether it is a WebSocket, which tells of new heads by itself; raises ConfigError as `Secret.reveal`."""
        return self.url.reveal().startswith(("ws://", "wss://"))


Level = Literal["off", "bloom", "quorum", "receipts"]
"""How an answer of eth_getLogs is tested, least first."""


class DistrustRange(_Table):
    """Another level of distrust for the blocks `first` to `last`, both included."""

    first: int = Field(ge=0)
    last: int = Field(ge=0)
    level: Level


NativeWay = Literal["auto", "blocks", "trace", "alchemy", "off"]
"""How native value around wallets is read: `blocks` read in full, by `trace` methods (value moved inside transactions
counts too), by `alchemy`'s index of transfers, `auto` = one of these where an endpoint has it, else blocks."""


NATIVE_DAYS = 30
"""Days before a wallet's first lease for which native value is read where that is cheap and nothing is configured."""
SHORT_CHAIN = 20_000
"""Blocks: a chain that has fewer is cheap to read block by block, with no index; so many are looked back over then."""
MAX_LOOKBACK = 10_000_000
"""Blocks; 29 days where a block takes a quarter of a second."""


def _as_table(item: Any) -> Any:
    return {"url": item} if isinstance(item, str) else item


class ChainConfig(_Table):
    """One chain: its endpoints and how far to trust its head; spans in blocks, waits in seconds."""

    id: int = Field(ge=1, le=2**53)
    rpc: list[Annotated[EndpointConfig, BeforeValidator(_as_table, json_schema_input_type=str | EndpointConfig)]] = (
        Field(min_length=1, max_length=16)
    )
    enabled: bool = True
    finality: Literal["finalized", "safe", "depth"] = "finalized"
    finality_depth: int = Field(default=64, ge=1, le=100_000)
    block_seconds: DecimalText = "12"
    poll_seconds: float = Field(default=4.0, ge=0.05, le=600)
    timeout_seconds: float = Field(default=20.0, ge=0.5, le=300)
    max_span: int = Field(default=100_000, ge=1, le=10_000_000)
    concurrency: int = Field(default=16, ge=1, le=64)
    distrust: Level = "bloom"
    distrust_ranges: list[DistrustRange] = Field(default=[], max_length=100)
    native: NativeWay = "auto"
    native_lookback_blocks: int | None = Field(default=None, ge=0, le=MAX_LOOKBACK)
    """Blocks before a wallet's first lease that are read for native funding, 0 leaves it out; unless set, NATIVE_DAYS
    where an endpoint with an index was met or the chain is short, none elsewhere."""

    def native_blocks(self, *, indexed: bool, by_blocks: bool = False) -> int:
        """Count the blocks before a wallet's first lease read for native funding, by the way the ledger tells of."""
        if self.native == "off":
            return 0
        if self.native_lookback_blocks is not None:
            return self.native_lookback_blocks
        most = MAX_LOOKBACK if indexed else SHORT_CHAIN if by_blocks else 0
        seconds = Decimal(self.block_seconds)
        return min(most, int(NATIVE_DAYS * 86_400 / seconds)) if seconds else most

    def index_only(self, head: int) -> bool:
        """Whether native value is read where an endpoint has an index, and not at all elsewhere."""
        return self.native_lookback_blocks is None and head >= SHORT_CHAIN

    max_reads: int = Field(default=20_000, ge=0, le=10_000_000)
    """Contract calls and transactions a run may ask for in a day, where a market's logs do not say enough; what wallets
    are is asked for with what is left."""
    explorer: str = ""
    tokens: dict[str, TokenConfig] = {}

    @model_validator(mode="after")
    def _two_are_a_quorum(self) -> ChainConfig:
        levels = {self.distrust, *(item.level for item in self.distrust_ranges)}
        if "quorum" in levels and len(self.rpc) < 2:  # noqa: PLR2004 - a quorum
            message = 'distrust = "quorum" compares two endpoints: `rpc` needs another'
            raise ValueError(message)
        return self


class DeploymentConfig(_Table):
    """Contracts of a market on one chain, by the roles its adapter names."""

    contracts: dict[str, AddressText]
    from_block: int = Field(default=0, ge=0)
    token: AddressText | None = None
    """The payment token where the contract does not emit it."""


class MarketConfig(_Table):
    """Switches one market and adds or replaces its deployments, keyed by the chain's name in `[chains]`."""

    enabled: bool = True
    deployments: dict[str, DeploymentConfig] = {}


class WalletsConfig(_Table):
    """Clustering: `hub_degree` counterparties, or an eighth on each side, make a wallet a hub that connects nobody."""

    transfers: bool = True
    hub_degree: int = Field(default=200, ge=2, le=1_000_000)
    funder_blocks: int = Field(default=20_000, ge=0, le=10_000_000)
    """Blocks before and after a funding, or a first dealing, in which a wallet's own transfers are read, to see whether
    it is a hub."""
    depth: int = Field(default=2, ge=0, le=4)
    """Hops from the wallets of leases over which counterparties' own transfers are read."""
    max_degree: int = Field(default=200, ge=2, le=1_000_000)
    """Counterparties from which on a wallet's counterparties are not read."""
    max_wallets: int = Field(default=5_000, ge=0, le=1_000_000)
    """Counterparties per chain that are read."""
    fee_transactions: int = Field(default=6, ge=0, le=50)
    """Transactions per wallet, the oldest first, whose fee settings are read, one call each out of `max_reads`; 0 reads
    none."""


LabelKind = Literal[
    "exchange",
    "bridge",
    "mixer",
    "swap",
    "otc",
    "mining",
    "relayer",
    "paymaster",
    "payroll",
    "marketplace",
    "listed",
    "owner",
    "other",
]
"""`swap` = instant exchange, `otc` = desk, `mining` = pool that pays miners, `listed` = on a list to screen by."""


class LabelConfig(_Table):
    """A label the user vouches for; `service` labels (exchange, bridge, …) never connect wallets."""

    address: AddressText
    label: str = Field(min_length=1, max_length=120)
    kind: LabelKind
    source: str = Field(min_length=1, max_length=400)
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class NameConfig(_Table):
    """A name to look for among the names providers declare: for review only, it gives no points."""

    name: str = Field(min_length=3, max_length=200)
    source: str = Field(min_length=1, max_length=400)
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")


class SinkConfig(_Table):
    """Where alerts go: a Standard Webhooks receiver, a channel of Slack or Teams, or a service of PagerDuty."""

    kind: Literal["webhook", "slack", "teams", "pagerduty"] = "webhook"
    url: Secret
    """Of Slack and Teams it is all that is secret; PagerDuty's is https://events.pagerduty.com/v2/enqueue."""
    secrets: list[OnlyReference] = Field(default=[], max_length=4)
    """A webhook's signing secrets (`whsec_…`), newest first, several during rotation; PagerDuty's one routing key."""
    local: bool = False
    """Allow http and a loopback or private address: only for a receiver on your own machine or network."""
    min_severity: Literal["low", "medium", "high", "critical"] = "low"
    timeout_seconds: float = Field(default=20.0, ge=1, le=30)

    @model_validator(mode="after")
    def _secrets_fit_the_kind(self) -> Self:
        least, most, what = {
            "webhook": (1, 4, "`secrets` with one to four signing secrets (whsec_…)"),
            "pagerduty": (1, 1, "`secrets` with one entry, the routing key of the integration"),
        }.get(self.kind, (0, 0, "no `secrets`: its url is the secret"))
        if not least <= len(self.secrets) <= most:
            message = f"a sink of kind {self.kind} takes {what}"
            raise ValueError(message)
        return self


class AlertsConfig(_Table):
    """Delivery: `sinks` by name."""

    sinks: dict[Name, SinkConfig] = {}


def _listen_text(text: str) -> str:
    if text and not re.fullmatch(r"(\[[0-9a-fA-F:]{2,39}\]|[A-Za-z0-9.\-]{1,253}):[0-9]{1,5}", text):
        message = 'must be "host:port", like "127.0.0.1:9464"'
        raise ValueError(message)
    return text


class HealthConfig(_Table):
    """Where `monitor run` answers /healthz, /readyz and /metrics over HTTP: `listen` is host:port, empty is off."""

    listen: Annotated[str, AfterValidator(_listen_text)] = ""


class ExportConfig(_Table):
    """How exports are signed: `signing_key` points to an ed25519 private key in PEM; without it they are not."""

    signing_key: OnlyReference | None = None


class Config(_Table):
    """The whole configuration, frozen."""

    ledger: LedgerConfig = LedgerConfig()
    chains: dict[Name, ChainConfig] = {}
    markets: dict[Name, MarketConfig] = {}
    market_path: list[str] = []
    """Further folders that hold `<market>/market.toml`, searched before the built-in ones."""
    wallets: WalletsConfig = WalletsConfig()
    labels: list[LabelConfig] = []
    names: list[NameConfig] = []
    rules: dict[str, dict[str, int | float | str | bool]] = {}
    """Overrides of rule parameters: `[rules.T04] min_renters = 3`."""
    alerts: AlertsConfig = AlertsConfig()
    health: HealthConfig = HealthConfig()
    export: ExportConfig = ExportConfig()

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Config:
        seen: dict[int, str] = {}
        for name, chain in self.chains.items():
            if chain.id in seen:
                message = f"chains.{name}.id {chain.id} is also the id of chains.{seen[chain.id]}"
                raise ValueError(message)
            seen[chain.id] = name
        for market, config in self.markets.items():
            for chain_name in config.deployments:
                if chain_name not in self.chains:
                    message = f"markets.{market}.deployments.{chain_name} names no table [chains.{chain_name}]"
                    raise ValueError(message)
        return self

    def chain_name(self, chain_id: int) -> str:
        """Name a chain id as the user does, or by number when it is not configured."""
        return next((name for name, chain in self.chains.items() if chain.id == chain_id), str(chain_id))
