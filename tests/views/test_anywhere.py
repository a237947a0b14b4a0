"""Events of any contract come out of a ledger by their topics, read at once or on and on."""

from pathlib import Path

from monitor.abi import parse_event
from monitor.config import Config
from monitor.ledger.reader import Reader
from monitor.ledger.writer import Writer
from monitor.model.chain import Header, RawLog
from monitor.model.page import log_rows
from monitor.model.span import Span
from monitor.views.assemble import decode, read_rows
from monitor.views.bundle import load_bundle
from monitor.views.incremental import Reading
from tests.markets.chain_of_logs import encoded
from tests.markets.test_lint import written
from tests.markets.test_only import ANY, EVENTS, OTHER, PAID, TOKEN, A, B


def log(number: int, index: int, address: bytes, token: bytes) -> RawLog:
    topics, data = encoded(PAID, [token, OTHER, number])
    return RawLog(number, bytes([number]) * 32, b"x" * 32, 0, index, address, tuple(topics), data)


async def test_wherever_they_are_emitted_they_are_read(tmp_path: Path):
    written(tmp_path, ANY + EVENTS)
    config = Config.model_validate({"chains": {"one": {"id": 1, "rpc": ["http://x"]}}, "market_path": [str(tmp_path)]})
    bundle = load_bundle(config)
    assert bundle.anywhere == (parse_event(PAID).topic0,)
    path = tmp_path / "monitor.db"
    headers = [Header(n, bytes([n]) * 32, bytes([n - 1]) * 32, 1000 + n) for n in range(6, 10)]
    async with Writer(path) as writer:
        await writer.put_chain(1, "one")
        with Reader(path) as reader:
            reading = Reading(reader, bundle)
            early = [log(6, 0, A, TOKEN), log(6, 1, B, OTHER), log(7, 0, B, TOKEN)]
            await writer.extend(1, headers[:2], log_rows(early), [], {"events": Span(6, 8)})
            await writer.finalize(1, 7)
            assert reading.read()[0].events["contract"].to_list() == [A, B]
            await writer.extend(1, headers[2:], log_rows([log(9, 3, OTHER, TOKEN)]), [], {"events": Span(8, 10)})
            assert sorted(reading.read()[0].events["contract"]) == sorted([A, B, OTHER])
            assert reading.anew == 1
            at_once = decode(read_rows(reader, bundle, None), bundle)
            assert at_once.events["contract"].to_list() == [A, B, OTHER]
            assert at_once.quarantine.is_empty()
