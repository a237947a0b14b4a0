"""From the ledger's rows to facts: a floating token is priced by the feed it names, once the feed was asked."""

from decimal import Decimal

import polars as pl

from monitor.abi import parse_event
from monitor.config import TokenConfig
from monitor.config.spec import OracleConfig
from monitor.facts.inputs import NATIVE, RAW_LOGS
from monitor.ledger.rows import ChainRow
from monitor.model.schema import READS, empty
from monitor.views.assemble import Rows, compute
from monitor.views.bundle import load_bundle
from tests.markets.chain_of_logs import LOCAL, PROVIDER, RENTER, START, TOKEN, Chain, declared, local_config

ORACLE = b"\x0f" * 20
ASK = parse_event("latestRoundData()").topic0[:4]
TOKEN_EACH_SECOND = 10**18


def test_a_feed_is_asked_for_the_block_of_the_opening_and_its_answer_prices_the_lease():
    feed = OracleConfig(address="0x" + ORACLE.hex())
    token = TokenConfig(address="0x" + TOKEN.hex(), decimals=6, oracle=feed)
    plain = local_config()
    local = plain.chains["local"].model_copy(update={"tokens": {"FLOATS": token}})
    config = plain.model_copy(update={"chains": {"local": local}})
    chain = Chain()
    job = [b"\x01" * 32, '{"instance": "8x H100"}', RENTER, PROVIDER, TOKEN_EACH_SECOND, 10**9, START]
    chain.tx(("marlin_oyster", "market", declared("marlin_oyster", "JobOpened"), job))
    head = ChainRow(chain_id=LOCAL, name="local", head=chain.block, head_time=START + 60)
    rows = Rows(chain.logs(), empty(RAW_LOGS), empty(NATIVE), (head,), empty(READS), (), empty(READS))
    bundle = load_bundle(config)

    unpriced = compute(rows, bundle, config)
    lease = unpriced.world.facts.leases.row(0, named=True)
    assert (lease["gpu_count"], lease["usd_per_gpu_hour"], lease["usd_basis"]) == (8, None, None)
    assert unpriced.wanted.rows() == [(LOCAL, chain.block, "call", ORACLE, ASK)]

    words = (1, 20_000_000, START - 60, START - 60, 1)  # 0.20 dollars with 8 decimals, a minute old
    answer = b"".join(word.to_bytes(32) for word in words)
    said = pl.DataFrame([(LOCAL, chain.block, "call", ORACLE, ASK, answer, None)], schema=READS, orient="row")
    priced = compute(rows._replace(reads=said), bundle, config)
    lease = priced.world.facts.leases.row(0, named=True)
    assert (lease["usd_per_gpu_hour"], lease["usd_basis"]) == (Decimal("90.000000"), "oracle")
    assert priced.wanted.is_empty()


def test_what_was_put_aside_after_an_upgrade_says_so_and_the_upgrade_is_told():
    config = local_config()
    chain = Chain()
    job = [b"\x01" * 32, "{}", RENTER, PROVIDER, TOKEN_EACH_SECOND, 10**9, START]
    chain.tx(("marlin_oyster", "market", declared("marlin_oyster", "JobOpened"), job))
    chain.tx(("marlin_oyster", "market", "Upgraded(address indexed implementation)", [ORACLE]))
    chain.tx(("marlin_oyster", "market", "JobOpenedAnew(bytes32 indexed job, uint256 rate)", [b"\x02" * 32, 5]))
    head = ChainRow(chain_id=LOCAL, name="local", head=chain.block, head_time=START + 60)
    rows = Rows(chain.logs(), empty(RAW_LOGS), empty(NATIVE), (head,), empty(READS), (), empty(READS))
    found = compute(rows, load_bundle(config), config)
    (aside,) = found.quarantine
    assert aside.reason.startswith("unknown event 0x")
    assert f"; the contract was upgraded in block {chain.block - 1} (tx 0xee" in aside.reason
    (change,) = found.upgrades
    assert (change.market, change.event, change.changed, change.unseen) == ("marlin_oyster", "Upgraded", True, False)


def test_a_look_back_over_the_whole_chain_is_as_long_at_the_next_block():
    plain = local_config()
    local = plain.chains["local"].model_copy(update={"native": "blocks", "native_lookback_blocks": 10**6})
    config = plain.model_copy(update={"chains": {"local": local}})
    chain = Chain()
    job = [b"\x01" * 32, "{}", RENTER, PROVIDER, TOKEN_EACH_SECOND, 10**9, START]
    chain.tx(("marlin_oyster", "market", declared("marlin_oyster", "JobOpened"), job))
    seconds = set()
    for more in (0, 5):
        head = ChainRow(chain_id=LOCAL, name="local", head=chain.block + more, head_time=START + 60 + more)
        rows = Rows(chain.logs(), empty(RAW_LOGS), empty(NATIVE), (head,), empty(READS), (), empty(READS))
        facts = compute(rows, load_bundle(config), config).world.facts
        seconds.add(facts.chains[LOCAL].native_lookback_seconds)
    assert len(seconds) == 1, "else rules would judge everybody again at each block"
    assert seconds.pop() > START
