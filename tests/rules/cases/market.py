"""What tenants lease, when and at what price: T10, T11, T12, T16, T17, T18, T19, T20."""

from tests.facts.rows import time_of
from tests.rules.play import DAY_BLOCKS, HOUR_BLOCKS, START, Case, Rows, each, lease, offer, send
from tests.wallets.worlds import label_rows

CONTROL = 551_626
"""First block of 2024-12-02, when L05 took effect, in the time of these worlds."""


def shop(payers: int, usd: int, spent: int) -> Rows:
    paid = each(*(send(500 + n, 1, usd, block=START + n, log=3) for n in range(payers)))
    return paid + lease(1, 1, block=START + 1_000, amount=spent * 10**6)


def split(wallets: int, gpus: int, *, apart: int = DAY_BLOCKS, others: int = 1) -> Rows:
    """One lab's wallets lease `gpus` each; forty strangers lease `others`."""
    mine = each(*(lease(n, 1 + n, block=START + n * apart, gpus=gpus) for n in range(wallets)))
    return mine + each(*(lease(100 + n, 1_000 + n, block=START + n, gpus=others, provider=400 + n) for n in range(40)))


def nodes(count: int, *, apart: int = 1, days: int = 4, gpus: int = 8) -> Rows:
    return each(*(lease(n, 1, block=START + n * apart, days=days, gpus=gpus, machine_id=f"n{n}") for n in range(count)))


def surge(gpus: int, *, block: int = CONTROL - 26 * DAY_BLOCKS, others: int = 8) -> Rows:
    """Tenants 1 to 5 lease eight GPUs every ten days; then tenant 1 takes `gpus` and the rest `others` at once."""
    first = CONTROL - 150 * DAY_BLOCKS
    usual = each(
        *(lease(n * 5 + t, 1 + t, block=first + n * 10 * DAY_BLOCKS + t, days=9) for n in range(14) for t in range(5))
    )
    ahead = each(*(lease(100 + t, 1 + t, block=CONTROL - 25 * DAY_BLOCKS, days=9, gpus=others) for t in range(1, 5)))
    return usual + ahead + lease(99, 1, block=block, gpus=gpus, days=9)


def lumps(gpus: int, every: int = 30) -> Rows:
    """Tenant 1 takes much at once every `every` days, and little in between; the market goes on as ever."""
    large = each(*(lease(200 + n, 1, block=CONTROL - (115 - n * every) * DAY_BLOCKS, gpus=gpus) for n in range(4)))
    return surge(8) + large


def cards(gpus: int, gpu: str = "NVIDIA GeForce RTX 4090", machines: int = 8, providers: int = 1) -> Rows:
    numbers = range(len(gpu) * 10, len(gpu) * 10 + machines)
    return each(*(lease(n, 1, block=START + n, gpus=gpus, gpu_raw=gpu, provider=300 + n % providers) for n in numbers))


def priced(cents: int, *, comparable: int = 24, gpus: int = 8) -> Rows:
    """Strangers pay two dollars, give or take; tenant 1 then pays `cents`."""
    usual = each(
        *(
            lease(
                *(100 + n, 1_000 + n),
                block=START - n * DAY_BLOCKS,
                provider=400 + n,
                price_amount=(195 + n % 11) * 80_000,
            )
            for n in range(8, 8 + comparable)
        )
    )
    return usual + lease(1, 1, block=START, gpus=gpus, price_amount=cents * 10_000 * gpus)


def self_dealt(back: int, *, renter: int = 1, days: int = 10, gpus: int = 8) -> Rows:
    rows = offer(300, "m300", block=START - 10) + lease(1, renter, block=START, gpus=gpus, days=days)
    return rows + (send(300, renter, back, block=START + DAY_BLOCKS) if back else Rows([], [], []))


CASES = {
    "T10": Case(
        shop(60, 50, 2_000),
        {"few customers": shop(20, 50, 500), "large invoices": shop(60, 500, 20_000), "no machines": shop(60, 50, 100)},
    ),
    "T11": Case(
        split(5, 7),
        {
            "whole nodes": split(5, 8),
            "one a month": split(5, 7, apart=30 * DAY_BLOCKS),
            "everybody leases such sizes": split(5, 7, others=7),
            "two wallets": split(2, 7),
        },
        label_rows(*((1 + n, "Lab", "owner") for n in range(5))),
    ),
    "T12": Case(
        nodes(16),
        {
            "fifteen nodes": nodes(15),
            "an hour apart": nodes(16, apart=HOUR_BLOCKS),
            "a day's benchmark": nodes(16, days=1),
        },
    ),
    "T16": Case(
        surge(64),
        {
            "as usual": surge(8),
            "after the date": surge(64, block=CONTROL + 50 * DAY_BLOCKS),
            "pays in lumps, as ever": lumps(70),
            "the whole market surged": surge(64, others=64),
        },
    ),
    "T17": Case(
        cards(48),
        {
            "forty cards": cards(5),
            "full-size chips": cards(48, gpu="H100"),
            "a crowd of providers": cards(48, providers=8),
        },
    ),
    "T18": Case(
        cards(1, gpu="H20") + cards(1, gpu="RTX 4090 48GB"),
        {"the plain card": cards(1), "a family nobody named exactly": cards(1, gpu="H100")},
    ),
    "T19": Case(
        priced(90),
        {
            "a little cheaper": priced(150),
            "a thin market": priced(90, comparable=12),
            "one card": priced(90, gpus=1),
        },
    ),
    "T20": Case(
        self_dealt(4_000),
        {
            "a rebate": self_dealt(1_000),
            "a short self-test": lease(1, 5, block=START, days=0, planned_end=time_of(START + 60), provider=6),
            "an arm's length lease": self_dealt(0),
            "one card for oneself": lease(1, 5, block=START, gpus=1, provider=6),
        },
        label_rows((5, "Lab", "owner"), (6, "Lab", "owner")),
    ),
}
