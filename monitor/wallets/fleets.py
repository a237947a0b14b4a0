"""Fleets: wallets that deal with hubs alone, and all in exactly the same way.

A shared hub says nothing, but a history may: wallets whose whole record is the same few dealings with the same
services, one by one, both ways. A dealing is all that passed between a wallet and one hub: direction, kind and count.
The group counts as a fleet when it is far larger than chance: dealings taken as independent predict how many wallets
would have this record, and at least twice as many do, by `_SIGMAS` standard deviations. So the customers of an exchange
who withdrew once are no fleet: at that exchange, most customers did just that and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from monitor.wallets.graph import Ids

__all__ = ["fleets"]

_FEWEST = 5
_SIGMAS = 5.0
_LIFT = 2.0


def fleets(
    moves: pl.DataFrame,
    pairs: pl.DataFrame,
    degree: Ids,
    hub: np.ndarray[tuple[int], np.dtype[np.bool_]],
    largest: int,
) -> Iterator[Ids]:
    """Find fleets of up to `largest` wallets; yields the sorted wallets of each, fleets in order of the lowest.

    `moves` as in `monitor.wallets.relations.MOVES`; `pairs` has columns a, b; `degree` and `hub` by wallet.
    """
    ours = _alone_with_hubs(moves, pairs, degree, hub)
    total = max(1, ours["wallet"].n_unique())
    records = (
        ours.sort("wallet", "other")
        .group_by("wallet", maintain_order=True)
        .agg(
            pl.concat_str(pl.col("other"), "dealing", separator=":").str.join(";").alias("record"),
            pl.len().alias("hubs"),
            (pl.col("alike").log() - np.log(total)).sum().alias("chance"),
            pl.col("only").max(),
            (pl.col("gave").any() & pl.col("got").any()).alias("both"),
        )
        .filter("both")
    )
    alone = pl.when(pl.col("hubs") == 1).then(pl.col("only")).otherwise(1.0)
    groups = (
        records.with_columns((pl.col("chance").exp() * total * alone).alias("expected"))
        .group_by("record")
        .agg(pl.col("wallet").sort(), pl.len().alias("size"), pl.col("expected").first())
        .filter(
            pl.col("size").is_between(_FEWEST, largest)
            & (pl.col("size") >= _LIFT * pl.col("expected"))
            & (pl.col("size") - pl.col("expected") >= _SIGMAS * pl.col("expected").sqrt())
        )
        .sort(pl.col("wallet").list.first())
    )
    for wallets in groups["wallet"]:
        yield wallets.to_numpy()


def _alone_with_hubs(
    moves: pl.DataFrame, pairs: pl.DataFrame, degree: Ids, hub: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> pl.DataFrame:
    """List the dealings of wallets that deal with hubs alone, with the share of a hub's circle that has only it."""
    flags = pl.Series("hub", hub)
    sides = [(pairs["a"], pairs["b"]), (pairs["b"], pairs["a"])]
    known = pl.concat([pl.DataFrame({"wallet": x, "hub": flags.gather(y)}) for x, y in sides])
    served = known.group_by("wallet").agg(pl.col("hub").all(), pl.len().alias("hubs")).filter("hub").drop("hub")
    dealt = _dealings(moves, flags)
    at_hub = dealt.select("other").join(pl.DataFrame({"other": np.arange(len(degree)), "of": degree}), on="other")
    share = (
        dealt.join(served.filter(pl.col("hubs") == 1), on="wallet", how="semi")
        .group_by("other")
        .agg(pl.len().alias("only"))
        .join(at_hub.unique(), on="other")
        .select("other", (pl.col("only") / pl.col("of")).alias("only"))
    )
    return dealt.join(served.select("wallet"), on="wallet", how="semi").join(share, on="other", how="left")


def _dealings(moves: pl.DataFrame, hub: pl.Series) -> pl.DataFrame:
    """List what each wallet did with each hub: wallet, other, dealing, gave, got, alike (wallets that did just so)."""
    sides = [("sender", "recipient", ">"), ("recipient", "sender", "<")]
    both = pl.concat(
        [
            moves.filter(hub.gather(moves[other])).select(
                pl.col(wallet).alias("wallet"), pl.col(other).alias("other"), pl.concat_str(pl.lit(way), "kind")
            )
            for wallet, other, way in sides
        ]
    )
    return (
        both.group_by("wallet", "other", "literal")
        .agg(pl.len().alias("times"))
        .sort("wallet", "other", "literal")
        .group_by("wallet", "other", maintain_order=True)
        .agg(
            pl.concat_str("literal", "times", separator="*").str.join(",").alias("dealing"),
            pl.col("literal").str.starts_with(">").any().alias("gave"),
            pl.col("literal").str.starts_with("<").any().alias("got"),
        )
        .with_columns(pl.len().over("other", "dealing").alias("alike"))
    )
