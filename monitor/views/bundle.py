"""What a configuration binds together: adapters, contracts, tokens, and a fingerprint of all that decides a fact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from monitor.config import Config
from monitor.config.resources import ledger_path
from monitor.errors import ConfigError
from monitor.markets.lint import load_checked
from monitor.markets.load import Bound, Market, TokenInfo, bind, folders, tokens
from monitor.rules.registry import problems
from monitor.views.labelstore import all_labels
from monitor.wallets.labels import Label

__all__ = ["Bundle", "load_bundle", "open_path"]


_DECIDING = {"id", "tokens", "block_seconds", "native", "native_lookback_blocks"}
"""What of a chain's configuration can change a fact."""


class Bundle(NamedTuple):
    """What the configuration binds: adapters, the contracts to watch, payment tokens, labels, and their digest."""

    markets: dict[str, Market]
    bound: tuple[Bound, ...]
    tokens: dict[tuple[int, bytes], TokenInfo]
    labels: tuple[Label, ...]
    digest: str

    def money(self, chain_id: int) -> list[bytes]:
        """List the payment tokens of a chain."""
        return [token for chain, token in self.tokens if chain == chain_id]

    @property
    def anywhere(self) -> tuple[bytes, ...]:
        """The topic0 of events that count whoever emits them, sorted."""
        free = [topics[0] or () for item in self.bound if not item.address for topics in item.only]
        return tuple(sorted({topic0 for first in free for topic0 in first}))


def load_bundle(config: Config) -> Bundle:
    """Load the adapters and bind them; raises ConfigError or MarketError with every problem at once."""
    markets = load_checked(folders(config))
    wrong = problems(config.rules)
    if wrong:
        raise ConfigError("\n".join(wrong), hint="`monitor rules list` names the rules, `show` their parameters")
    labels = tuple(label for _, label in all_labels(config))
    digest = _digest(config, markets, labels)
    return Bundle(markets, bind(markets, config), tokens(markets, config), labels, digest)


def _digest(config: Config, markets: Mapping[str, Market], labels: Sequence[Label]) -> str:
    """Fingerprint all that can change a fact or a finding; endpoints, paths and pacing cannot."""
    chains = {
        name: chain.model_dump(mode="json", include=_DECIDING) for name, chain in config.chains.items() if chain.enabled
    }
    rest = config.model_dump(mode="json", include={"markets", "wallets", "names", "rules"})
    adapters = {name: hashlib.sha256(market.path.read_bytes()).hexdigest() for name, market in markets.items()}
    said = sorted((label.address.hex(), *label[1:]) for label in labels)
    text = json.dumps({"chains": chains, "adapters": adapters, "labels": said, **rest}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_path(config: Config) -> Path:
    """Say where the ledger is; raises LedgerError when there is none yet."""
    return ledger_path(config.ledger.path)
