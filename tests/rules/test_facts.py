"""What facts give of transfers when another keeps them by wallet (`Facts.near`), on all chains at once."""

import msgspec
import polars as pl

from tests.facts.rows import who
from tests.rules.judged import judged
from tests.rules.play import START, pay


def test_transfers_of_a_wallet_are_those_of_the_chain_that_was_asked_for():
    rows = pay(1, 2, block=START) + pay(1, 3, block=START + 1, nonce=1)
    here = judged(rows).facts
    there = here.transfers.with_columns(pl.lit(2, dtype=pl.Int64()).alias("chain_id"))
    kept = pl.concat([here.transfers, there])
    facts = msgspec.structs.replace(
        here, transfers=kept, near=lambda wallets, side, *columns: kept.filter(pl.col(side).is_in(wallets.implode()))
    )
    for chains in ([1], [2], [1, 2]):
        asked = pl.DataFrame({"chain_id": chains, "sender": [who(1)] * len(chains)})
        found = facts.dealt(asked, "sender")
        assert sorted(found["chain_id"]) == sorted(chains * 2)
    assert facts.dealt(pl.DataFrame({"sender": [who(1)]}), "sender").height == 4
