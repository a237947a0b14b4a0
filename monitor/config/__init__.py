"""Configuration: `config.toml` and `MONITOR_*` variables become one frozen `Config`, or all problems at once.

May import `monitor.errors` and `monitor.model`. Never resolves a secret while loading: a `Secret` holds a reference
(`env:NAME`, `file:PATH`) and is read at the moment of use.
"""

from monitor.config.load import Loaded, find_config, load, locate
from monitor.config.spec import (
    ChainConfig,
    Config,
    DeploymentConfig,
    LabelConfig,
    MarketConfig,
    Secret,
    SinkConfig,
    TokenConfig,
)

__all__ = [
    "ChainConfig",
    "Config",
    "DeploymentConfig",
    "LabelConfig",
    "Loaded",
    "MarketConfig",
    "Secret",
    "SinkConfig",
    "TokenConfig",
    "find_config",
    "load",
    "locate",
]
