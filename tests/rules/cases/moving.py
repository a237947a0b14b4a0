"""Tenants that move, refunds that go elsewhere, providers that are one: T23, T24, T27, T28, T30."""

from typing import Any

from tests.rules.play import (
    DAY_BLOCKS,
    NOTHING,
    START,
    Case,
    Rows,
    close,
    each,
    lease,
    offer,
    pay,
    refund,
    register,
    send,
)


def visits(*markets: str, apart: int = 20, days: int = 19, gpus: int = 8) -> Rows:
    return each(
        *(
            lease(n, 1, block=START + n * apart * DAY_BLOCKS, days=days, gpus=gpus, market=market)
            for n, market in enumerate(markets)
        )
    )


def rotation(wallets: int, *, gap: int = 2, funder: int = 50, gpus: int = 8) -> Rows:
    rows = NOTHING
    for n in range(wallets):
        at = START + n * (20 + gap) * DAY_BLOCKS
        rows += pay(funder, 1 + n, block=at - DAY_BLOCKS, nonce=n) + lease(n, 1 + n, block=at, days=20, gpus=gpus)
    return rows


def tiered(then: str, *, gpus: int = 16, wait: int = 1) -> Rows:
    """A market verifies machine `a` on day 40; tenant 1 leaves it and leases a machine of tier `then`."""
    policy = START + 40 * DAY_BLOCKS
    rows = offer(300, "a", block=START) + offer(301, "b", block=START, tier=then)
    rows += lease(1, 1, block=START + 100, days=40, gpus=gpus, machine_id="a", provider=300)
    rows += offer(300, "a", block=policy, tier="verified")
    return rows + lease(2, 1, block=policy + wait * DAY_BLOCKS, days=40, gpus=gpus, machine_id="b", provider=301)


def refunded(to: int, usd: int) -> Rows:
    return (
        lease(1, 1, block=START, days=30)
        + refund(1, to, usd, block=START + DAY_BLOCKS)
        + close(1, block=START + DAY_BLOCKS)
    )


def cancelled(times: int, *, apart: int = 1, hours: int = 2) -> Rows:
    rows = NOTHING
    for n in range(times):
        at = START + n * apart * DAY_BLOCKS
        rows += (
            lease(n, 1, block=at, days=10)
            + refund(n, 1, 3_800, block=at + hours * 60)
            + close(n, block=at + hours * 60)
        )
    return rows


def twins(sink: tuple[int, int], endpoints: tuple[str, str], **more: Any) -> Rows:
    rows = NOTHING
    for n in range(2):
        provider = 300 + n
        rows += register(provider, block=START + n * 30 * DAY_BLOCKS, endpoint=endpoints[n], **more)
        rows += offer(provider, f"m{n}", block=START + n * 30 * DAY_BLOCKS + 1)
        rows += send(provider, sink[n], 900, block=START + 60 * DAY_BLOCKS + n)
    return rows


CASES = {
    "T23": Case(
        visits("reference", "spheron", "marlin"),
        {
            "two markets": visits("reference", "spheron"),
            "three at once": visits("reference", "spheron", "marlin", days=60),
            "small jobs": visits("reference", "spheron", "marlin", gpus=1),
            "once a season": visits("reference", "spheron", "marlin", apart=60),
        },
    ),
    "T24": Case(
        rotation(3),
        {
            "one new wallet": rotation(2),
            "months between": rotation(3, gap=30),
            "small jobs": rotation(3, gpus=1),
        },
    ),
    "T27": Case(
        tiered("unverified"),
        {
            "stays with the verified": tiered("verified"),
            "a small tenant": tiered("unverified", gpus=1),
            "comes back later": tiered("unverified", wait=31),
        },
    ),
    "T28": Case(
        refunded(90, 5_000),
        {
            "back to the payer": refunded(1, 5_000),
            "a small rest": refunded(90, 500),
            "cancelled twice": cancelled(2),
            "cancelled once a week": cancelled(4, apart=7),
            "ended early": cancelled(4, hours=48),
        },
    ),
    "T30": Case(
        twins((80, 80), ("ab12cd34" * 4, "ab12cd34" * 4)),
        {
            "one data centre": twins((80, 81), ("ab12cd34" * 4, "ab12cd34" * 4)),
            "one accountant": twins((80, 80), ("ab12cd34" * 4, "ef56ab78" * 4)),
            "a placeholder": twins((80, 80), ("00" * 32, "00" * 32)),
        },
    ),
}
