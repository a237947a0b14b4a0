"""Where the money comes from: T03, T04, T05, T06, T07, T08."""

from tests.facts.rows import who
from tests.rules.play import DAY_BLOCKS, HOUR_BLOCKS, NOTHING, START, Case, Rows, deposit, each, lease, pay, send
from tests.wallets.worlds import label_rows


def newcomer(wait: int, gpus: int = 8) -> Rows:
    begun = pay(50, 1, block=START - wait) + send(50, 1, 10_000, block=START - wait + 1)
    return begun + lease(1, 1, block=START, gpus=gpus, days=1)


def funded(count: int, gpus: int = 8, funder: int = 50) -> Rows:
    rows = NOTHING
    for n in range(count):
        rows += pay(funder, 1 + n, block=START - 200 * HOUR_BLOCKS + n, nonce=n)
        rows += lease(n, 1 + n, block=START + 60 * n, gpus=gpus, days=20, provider=300 + n)
    return rows


def topped(first: int, second: int) -> Rows:
    return lease(1, 1, block=START, amount=10**9) + each(
        deposit(1, first, 600, block=START + 100), deposit(1, second, 600, block=START + 200)
    )


def rolling(count: int, gap: int, machine: str = "m") -> Rows:
    term = 25 * DAY_BLOCKS
    return each(*(lease(n, 1, block=START + n * (term + gap), days=25, machine_id=machine) for n in range(count)))


def mixed(source: int, usd: int, wait: int = DAY_BLOCKS) -> Rows:
    """Money of `source` beside old money of the wallet's own."""
    old = pay(50, 1, block=100) + send(51, 1, 20_000, block=200)
    return old + send(source, 1, usd, block=START - wait) + lease(1, 1, block=START, days=30)


def through(cycles: int, *, keep: int = 0, wait: int = HOUR_BLOCKS, others: int = 0) -> Rows:
    """Wallet 40 gets 1,000 dollars and hands them on to renter 1, again and again."""
    rows = lease(1, 1, block=START, days=30)
    for n in range(cycles):
        at = START + n * 3 * DAY_BLOCKS
        rows += send(41, 40, 1_000, block=at) + send(40, 1, 1_000 - keep, block=at + wait)
    return rows + each(*(send(40, 900 + n, 1, block=START - 5_000 + n) for n in range(others)))


def fronts(count: int) -> Rows:
    """Wallet 70 gives wallets their first value and pays, twice each, for what they lease."""
    begun = each(*(pay(70, 1 + n, block=START - 9_000 + n, nonce=n) for n in range(count)))
    return begun + each(*(lease(n, 1 + n % count, block=START + n, payer=who(70)) for n in range(2 * count)))


def sponsored() -> Rows:
    """Wallet 70 pays, twice each, for three tenants at three providers."""
    return each(*(lease(n, 1 + n % 3, block=START + n, payer=who(70), provider=300 + n % 3) for n in range(6)))


CASES = {
    "T03": Case(
        newcomer(5 * HOUR_BLOCKS),
        {"an old wallet": newcomer(80 * HOUR_BLOCKS), "a small lease": newcomer(5 * HOUR_BLOCKS, gpus=1)},
    ),
    "T04": Case(
        funded(8),
        {
            "seven projects of one firm": funded(7),
            "an exchange's customers": funded(9, funder=60),
            "customers of one that nobody labelled": funded(9)
            + each(*(pay(50, 900 + n, block=START - 9_000 + n, nonce=20 + n) for n in range(20)))
            + each(*(send(800 + n, 50, 90, block=START - 9_000 + n, log=3) for n in range(25))),
            "a render farm's small cards": funded(9, gpus=4),
        },
        label_rows((60, "Some Exchange", "exchange")),
    ),
    "T05": Case(
        topped(70, 70),
        {
            "two donors, once each": topped(70, 71),
            "its own top-ups": topped(1, 1),
            "two projects of one treasury": fronts(2),
        },
    ),
    "T07": Case(
        rolling(4, HOUR_BLOCKS), {"75 days": rolling(3, HOUR_BLOCKS), "days between": rolling(4, 2 * DAY_BLOCKS)}
    ),
    "T06": Case(
        mixed(60, 5_000),
        {
            "a coin from a mixer": mixed(60, 100),
            "money that lay for months": mixed(60, 5_000, wait=50 * DAY_BLOCKS),
            "an exchange withdrawal": mixed(61, 5_000),
        },
        label_rows((60, "Some Mixer", "mixer"), (61, "Some Exchange", "exchange")),
    ),
    "T08": Case(
        through(3),
        {
            "twice only": through(2),
            "an agent that keeps a tenth": through(4, keep=100),
            "a saver that waits": through(4, wait=2 * DAY_BLOCKS),
            "a wallet with a life of its own": through(4, others=3),
        },
    ),
}  # fmt: skip
