"""Worlds judged as the daemon judges them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from monitor.facts.transfers import transfers
from monitor.model.lead import Finding
from monitor.rules.models import MODELS
from monitor.rules.pipeline import Inputs, Known, World, evaluate
from monitor.rules.registry import all_rules
from monitor.rules.rule import ChainContext, settle
from tests.facts.rows import DAY, MARKET, USDC, events, hardware, native, time_of, token_logs, tokens
from tests.wallets.worlds import Rows, label_rows

NOW_BLOCK = 600_000


def models() -> pl.DataFrame:
    """What the catalogue of these worlds says of `tests.facts.rows.hardware`."""
    rows = [
        ("h100-sxm", Decimal(1), False, False, [80]), ("rtx-4090", Decimal("0.167"), False, False, [24]),
        ("h20", Decimal("0.15"), False, True, [96]), ("b200", Decimal("2.274"), True, False, [180]),
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=MODELS, orient="row")


def resolve(spelled: Sequence[str]) -> pl.DataFrame:
    return hardware().filter(pl.col("gpu_raw").is_in(list(spelled)))


def chain(**fields: Any) -> dict[int, ChainContext]:
    known = {
        "chain_id": 1,
        "head_block": NOW_BLOCK,
        "head_time": time_of(NOW_BLOCK),
        "native_lookback_seconds": 30 * DAY,
    }
    return {1: ChainContext(**(known | fields))}


def inputs(rows: Rows, labels: pl.DataFrame | None = None, **fields: Any) -> Inputs:
    known: dict[str, Any] = {
        "events": events(*rows.events), "transfers": transfers(token_logs(*rows.logs), native(*rows.native))[0],
        "hardware": resolve, "tokens": tokens(), "labels": label_rows() if labels is None else labels,
        "chains": chain(), "contracts": frozenset({MARKET, USDC}), "models": models(),
    }  # fmt: skip
    return Inputs(**(known | fields))


def judged(rows: Rows, labels: pl.DataFrame | None = None, known: Known | None = None, **fields: Any) -> World:
    return evaluate(inputs(rows, labels, **fields), known)


def found(world: World, rule: str) -> list[Finding]:
    return [finding for finding in world.judgement.findings if finding.rule == rule]


def alone(world: World, rule: str) -> list[Finding]:
    """Ask one rule by itself, as it is set unless it is off: a multiplier speaks in a judgement beside others only."""
    known = next(each for each in all_rules() if each.id == rule)
    return list(known.check(world.facts, settle(known, {})[0]).findings)


def only(rule: str, **values: int) -> Mapping[str, Mapping[str, int]]:
    return {rule: values}
