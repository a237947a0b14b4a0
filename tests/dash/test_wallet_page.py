import msgspec
import polars as pl

from monitor.dash.details.wallet import wallet_page
from monitor.dash.world import world
from monitor.views.neighbours import drawn, neighbours
from tests.surfaces_fixture import CHAIN, snapshot


def test_the_page_of_a_wallet_draws_what_the_command_draws():
    made = snapshot()
    shown = msgspec.structs.replace(made, links=made.links.with_columns(pl.lit("authority").alias("family")))
    a = shown.links["a"][0]
    page = wallet_page(world(shown), f"{CHAIN}:0x{a.hex()}")
    assert page is not None
    lines = list(drawn(neighbours(shown.links, shown.wallets, a, 2)))
    assert len(lines) == 3
    assert all(line in page.body.plain for line in lines)
