"""Lists, labels and tags: T21, T22, T25, T26, T29."""

import polars as pl

from monitor.rules.names import NAMES
from tests.rules.judged import NOW_BLOCK
from tests.rules.play import DAY_BLOCKS, HOUR_BLOCKS, START, Case, Rows, attest, each, lease, offer, pay, register, send
from tests.wallets.worlds import label_rows


def exposed(source: int, usd: int, through: int = 0) -> Rows:
    rows = send(51, 1, 20_000, block=START - 40 * DAY_BLOCKS) + lease(1, 1, block=START, days=30)
    if not through:
        return rows + send(source, 1, usd, block=START - DAY_BLOCKS)
    return (
        rows
        + send(source, through, usd, block=START - 2 * DAY_BLOCKS)
        + send(through, 1, usd, block=START - DAY_BLOCKS)
    )


def named(name: str) -> Rows:
    return register(300, block=START, name=name) + offer(300, "m", block=START + 1)


def daily(actions: int, spread: int) -> Rows:
    """One lease a day, at hours that wander by `spread`."""
    return each(
        *(
            lease(n, 1, block=START + n * DAY_BLOCKS + (n * 7 % spread) * HOUR_BLOCKS, gpus=1, days=1)
            for n in range(actions)
        )
    )


def mined(pool: int) -> Rows:
    return register(300, block=START) + offer(300, "m", block=START + 1) + pay(pool, 300, block=START - 900)


def sited(last: int, peers: int, gpus: int = 64) -> Rows:
    """Provider 300 attests its site until day `last`, `peers` others until the end; all is leased out."""
    end = (NOW_BLOCK - START) // DAY_BLOCKS - 1
    rows = lease(1, 1, block=START + 100, provider=300, gpus=gpus, days=400)
    for n, until in enumerate([last, *[end] * peers, *[last] * (3 - peers)]):
        rows += register(300 + n, block=START) + offer(300 + n, f"m{n}", block=START + 1 + n, gpus=gpus)
        days = range(1, until + 1, 30)
        rows += each(
            *(
                attest(f"m{n}", block=START + d * DAY_BLOCKS + n, region_raw="SG", region_provenance="attested")
                for d in (*days, until)
            )
        )
    return rows


CASES = {
    "T21": Case(
        exposed(60, 5_000) + lease(9, 61, block=START + 10) + named("Example Shipping Trading GmbH"),
        {
            "dust from a listed wallet": exposed(60, 1),
            "another's money": exposed(62, 5_000),
            "through an exchange": exposed(60, 5_000, through=63),
            "another firm": named("Northern Light Hosting"),
        },
        label_rows((60, "Listed one", "listed"), (61, "Listed two", "listed"), (63, "Some Exchange", "exchange")),
        {"names": pl.DataFrame([("Example Trading Shipping", "own list", "2026-11-01")], schema=NAMES, orient="row")},
    ),
    "T22": Case(
        daily(60, 6),
        {"round the clock": daily(60, 24), "too little to say": daily(20, 6)},
        None,
        {"overrides": {"T22": {"enabled": True}}},
    ),
    "T25": Case(
        mined(60),
        {"an exchange paid": mined(61), "somebody paid": mined(62)},
        label_rows((60, "Some Pool", "mining"), (61, "Some Exchange", "exchange")),
    ),
    "T26": Case(
        lease(1, 1, block=START, gpu_raw="B200"),
        {
            "the generation before": lease(1, 1, block=START),
            "a card": lease(1, 1, block=START, gpu_raw="RTX 4090 48GB"),
        },
    ),
    "T29": Case(
        sited(200, 3),
        {
            "all stopped": sited(200, 0),
            "still attested": sited(346, 3),
            "little is leased": sited(200, 3, gpus=8),
        },
    ),
}
