"""While the history of a new market or wallet is read, the head stays live: nothing waits for a backfill."""

from __future__ import annotations

import asyncio

from monitor.errors import LedgerError
from monitor.ledger.reader import Reader
from tests.chaos.scene import MARKET, TOKEN, lease_opened
from tests.fakenode.chain import Chain, Log, Tx, dense
from tests.fakenode.faults import Asked, Fault, range_cap
from tests.fakenode.forked import Forked, finished
from tests.fakenode.node import Node
from tests.fakenode.truth import assert_holds, covered, lay_out
from tests.node.drive import Place, until

HEAD_LOGS = Tx((Log(b"\xc1" * 20, (b"\x07" * 32,)), Log(b"\xc2" * 20, (b"\x07" * 32,))))
POLL = "poll_seconds = 0.1"


def slow_history(below: int) -> Fault:
    """Take a while over logs of old blocks."""

    async def before(asked: Asked) -> None:
        spans = [call.params[0] for call in asked.calls if call.method == "eth_getLogs"]
        if any(int(span.get("toBlock", "0x7fffffff"), 16) < below for span in spans):
            await asyncio.sleep(0.3)

    return Fault(before=before)


def has_block(place: Place, number: int, key: str) -> bool:
    """Whether a block is covered for a fragment."""
    try:
        with Reader(place.ledger) as reader:
            spans = reader.coverage(31337).get(key, ())
    except LedgerError:
        return False
    return any(span.start <= number < span.stop for span in spans)


async def read_live(place: Place, chain: Chain, keys: list[str], history: str) -> list[int]:
    """Mine blocks, wait for each, and tell how many blocks of `history` were covered each time."""
    seen = []
    for _ in range(4):
        number = chain.mine(HEAD_LOGS).number

        def arrived(number: int = number) -> bool:
            return all(has_block(place, number, key) for key in keys)

        await until(arrived, what=f"block {number}")
        seen.append(covered(place, chain).get(history, 0))
    return seen


async def test_a_new_market_is_read_while_the_head_goes_on(tmp_path):
    chain = dense(blocks=600, logs=4)
    chain.final = 580
    first, second = f"logs:{'c1' * 20}", f"logs:{'c2' * 20}"
    async with Node(chain, range_cap(5, -32602, "block range too large"), slow_history(570)).running() as node:
        place = lay_out(tmp_path, [node.url], chain=f"{POLL}\nconcurrency = 4")
        whole = place.config.read_text(encoding="utf-8")
        place.config.write_text(whole.split("[markets.spheron")[0], encoding="utf-8")
        node.faults, faults = node.faults[:1], node.faults
        assert (await finished(place, "backfill"))[0] == 0
        assert covered(place, chain) == {first: 600}
        place.config.write_text(whole, encoding="utf-8")
        node.faults = faults
        async with Forked(place, "run"):
            seen = await read_live(place, chain, [first, second], second)
            assert all(count < 500 for count in seen), seen
            node.faults = faults[:1]
            await until(lambda: covered(place, chain)[second] == chain.head + 1)
    assert_holds(place, chain)


async def test_a_new_wallet_is_read_while_the_head_goes_on(tmp_path):
    chain = Chain()
    for _ in range(599):
        chain.mine()
    chain.final = 580
    renter = b"\x77" * 20
    token = f'[chains.fake.tokens.TUSD]\naddress = "0x{TOKEN.hex()}"\ndecimals = 6\nusd = "1"'
    async with Node(chain, range_cap(5, -32602, "block range too large")).running() as node:
        place = lay_out(tmp_path, [node.url], chain=f"{POLL}\nconcurrency = 4\n{token}")
        assert (await finished(place, "backfill"))[0] == 0
        node.faults.append(slow_history(570))
        async with Forked(place, "run"):
            # The payments of its renter are wanted from the market's first block on.
            chain.mine(Tx((lease_opened(1, renter),)))
            await until(lambda: any(renter.hex() in key for key in covered(place, chain)))
            (wallet,) = [key for key in covered(place, chain) if key.startswith("erc20:") and renter.hex() in key]
            market = f"logs:{MARKET.hex()}"
            seen = await read_live(place, chain, [market, wallet], wallet)
            assert all(count < 500 for count in seen), seen
