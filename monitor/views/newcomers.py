"""Who came up since the last look: told by new events alone, for a small part of what a look costs.

What is told is a part of what a look at the same rows tells (`World.watch`): first the newcomers, then their funders.
"""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from monitor.config import Config
from monitor.facts.folding import above
from monitor.facts.inputs import picked
from monitor.facts.people import people
from monitor.views.assemble import Read, Rows, limits, nobodys
from monitor.views.bundle import Bundle
from monitor.wallets.funding import first_fundings
from monitor.wallets.watch import watch_funders, watch_people, within

__all__ = ["newcomers", "watch_funders_of", "watch_newcomers"]

_WALLET = {"chain_id": pl.Int64(), "address": pl.Binary()}


def newcomers(read: Read, rows: Rows, known: Collection[tuple[int, bytes]]) -> pl.DataFrame:
    """List (PEOPLE) who has a role in events after `rows.since` and is not `known` (chain id, address)."""
    persons = people(picked(read.events, above(rows.since, "block_number")), providers=True)
    return persons.join(pl.DataFrame(list(known), schema=_WALLET, orient="row"), on=list(_WALLET), how="anti")


def watch_newcomers(persons: pl.DataFrame, rows: Rows, bundle: Bundle, config: Config) -> pl.DataFrame:
    """List (WATCH) whose transfers to read because of `persons` (PEOPLE): their own."""
    return watch_people(persons, limits(config, bundle, rows.chains))


def watch_funders_of(persons: pl.DataFrame, read: Read, rows: Rows, bundle: Bundle, config: Config) -> pl.DataFrame:
    """List (WATCH) whose transfers to read because they funded `persons` (PEOPLE), whose own were read."""
    far, contracts = limits(config, bundle, rows.chains), nobodys(bundle, rows)
    theirs = persons.get_column("address").unique().implode()
    dealt = read.transfers.filter(pl.col("sender").is_in(theirs) | pl.col("recipient").is_in(theirs))
    near = within(dealt, watch_people(persons, far), far)
    return watch_funders(first_fundings(near, persons, contracts), far)
