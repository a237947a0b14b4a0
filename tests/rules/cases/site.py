"""Where hardware stands and what proves it: T13, T14, T15."""

from tests.rules.play import DAY_BLOCKS, NOTHING, START, Case, Rows, attest, beat, each, lease, offer, register, retire


def placed(seen: str, days: int, *, apart: int = 3) -> Rows:
    rows = register(300, block=START, region_raw="Singapore") + offer(300, "m", block=START + 1, region_raw="Singapore")
    return rows + each(
        *(
            attest("m", block=START + 10 + n * apart * DAY_BLOCKS, region_raw=seen, hardware_id="1f" * 16)
            for n in range(days)
        )
    )


def attested(provider: int, first: int, last: int, ids: tuple[str, ...], machines: int = 8) -> Rows:
    """A provider of machines that beat once a day from one day to another."""
    rows = register(provider, block=START)
    for n in range(machines):
        rows += offer(provider, f"{provider}-{n}", block=START + n, gpus=8)
        rows += attest(f"{provider}-{n}", block=START + first * DAY_BLOCKS + n, hardware_id=ids[n % len(ids)])
        rows += attest(f"{provider}-{n}", block=START + last * DAY_BLOCKS + n, hardware_id=ids[n % len(ids)])
        rows += each(*(beat(f"{provider}-{n}", block=START + d * DAY_BLOCKS + n) for d in range(first, last, 10)))
    return rows


def ghost(last: int, machines: int = 8, more: Rows = NOTHING, others: int = 340) -> Rows:
    """Provider 300 falls silent after `last` days; provider 301 goes on until `others`."""
    return attested(300, 1, last, ("aa11" * 8,), machines) + attested(301, 1, others, ("bb22" * 8,), 1) + more


def twins(one: str, two: str, start: int = 20) -> Rows:
    return attested(300, 1, 60, (one,), 1) + attested(301, start, start + 60, (two,), 1)


AFTER = START + 65 * DAY_BLOCKS


def sold_on(*first: Rows) -> Rows:
    """What one provider attested another does after it, while the first one's machine goes on after `first`."""
    later = each(*first, *(beat("300-0", block=AFTER + n * DAY_BLOCKS) for n in range(1, 40)))
    return twins("ab12" * 8, "ab12" * 8, start=70) + later


CASES = {
    "T13": Case(
        placed("Germany", 4),
        {
            "as declared": placed("SG", 4),
            "one wrong address table": placed("Germany", 2),
            "a week-end's VPN": placed("Germany", 4, apart=1),
        },
    ),
    "T14": Case(
        ghost(60),
        {
            "still there": ghost(330),
            "small": ghost(60, machines=7),
            "retired in good order": ghost(60, more=retire(300, block=START + 61 * DAY_BLOCKS)),
            "the market itself stopped": ghost(60, others=61),
            "well used": ghost(60, more=lease(1, 1, block=START + 100, provider=300, gpus=64, days=50)),
        },
    ),
    "T15": Case(
        twins("ab12" * 8, "ab12" * 8),
        {
            "two machines": twins("ab12" * 8, "cd34" * 8),
            "sold on later": twins("ab12" * 8, "ab12" * 8, start=90),
            "sold on, another card in its place": sold_on(attest("300-0", block=AFTER, hardware_id="ef56" * 8)),
            "a placeholder": twins("00" * 16, "00" * 16),
        },
    ),
}
