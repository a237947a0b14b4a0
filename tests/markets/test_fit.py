"""Keys as text."""

from __future__ import annotations

import polars as pl

from monitor.markets.fit import key_text


def test_a_key_of_several_parts_joins_their_texts_and_is_null_where_one_is():
    frame = pl.DataFrame(
        {"_row": [0, 1], "who": [b"\xab" * 20, None], "hash": [b"\x01" * 32] * 2, "n": [7, 8]},
        schema={"_row": pl.Int64, "who": pl.Binary, "hash": pl.Binary, "n": pl.Decimal(38, 0)},
    )
    joined = "0x" + "ab" * 20
    (first, second) = key_text(frame, ["who", "hash", "n"]).to_list()
    assert first is not None
    assert first.lower() == f"{joined}-0x{'01' * 32}-7"
    assert second is None
    assert key_text(frame, ["n"]).to_list() == ["7", "8"]
