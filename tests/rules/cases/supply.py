"""Who builds, who resells, who pays whom beforehand: T01, T02, T09."""

from tests.rules.play import DAY_BLOCKS, START, Case, Rows, each, lease, offer, register, send


def built(machines: int = 8, *, wait: int = 5 * DAY_BLOCKS, tenants: int = 1, provider: int = 300) -> Rows:
    """A new provider offers nodes of eight H100; its tenants lease all of them for two months."""
    rows = register(provider, block=START)
    for n in range(machines):
        rows += offer(provider, f"m{n}", block=START + n)
        rows += lease(n, 1 + n % tenants, block=START + wait + n, provider=provider, days=60, machine_id=f"m{n}")
    return rows


def arranged(sender: int, usd: int, before: int) -> Rows:
    return send(sender, 300, usd, block=START - before) + built(2)


def resold(price: int, *, offered: int = 2, seller: int = 1) -> Rows:
    """Wallet 1 rents two nodes and `seller` offers as many, leased on at `price` cents per GPU-hour."""
    rows = each(*(lease(n, 1, block=START + n, provider=300 + n, days=60) for n in range(2)))
    for n in range(offered):
        rows += offer(seller, f"r{n}", block=START + DAY_BLOCKS + n)
        amount = price * 10_000 * 8
        rows += lease(10 + n, 80 + n, block=START + 2 * DAY_BLOCKS + n, provider=seller, days=50, machine_id=f"r{n}",
                      price_amount=amount, amount=amount * 24 * 50)  # fmt: skip
    return rows


CASES = {
    "T01": Case(
        built(),
        {
            "many tenants": built(tenants=4),
            "a small provider": built(7),
            "an old provider finds its customer": built(wait=40 * DAY_BLOCKS),
            "one node of many": built(1) + each(*(offer(300, f"x{n}", block=START + n) for n in range(20))),
        },
    ),
    "T02": Case(
        arranged(1, 5_000, 30 * DAY_BLOCKS),
        {
            "a stranger paid": arranged(999, 5_000, 30 * DAY_BLOCKS),
            "a small test": arranged(1, 500, 30 * DAY_BLOCKS),
            "after the machines were there": built(2) + send(1, 300, 5_000, block=START + 2 * DAY_BLOCKS),
        },
    ),
    "T09": Case(
        resold(260),
        {
            "at cost": resold(200),
            "another's machines": resold(260, seller=90),
            "a node of its own besides": resold(260, offered=1),
        },
    ),
}
