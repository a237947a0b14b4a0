"""Law 7 for rules: judging on from earlier looks gives what judging everybody anew gives, whatever came in between."""

from random import Random
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from monitor.facts.supply import emitted
from monitor.facts.transfers import transfers
from monitor.model.schema import TRANSFERS, empty
from monitor.rules import judge
from monitor.rules.pipeline import Known
from monitor.rules.registry import all_rules
from tests.facts.rows import USDC, events, native, time_of, token_logs, who
from tests.rules.judged import chain, judged
from tests.rules.play import (
    DAY_BLOCKS,
    Rows,
    attest,
    beat,
    close,
    deposit,
    each,
    lease,
    offer,
    pay,
    refund,
    register,
    retire,
    send,
    withdraw_machine,
)
from tests.wallets.worlds import label_rows

LABELS = label_rows(
    (40, "Some Mixer", "mixer"), (41, "Listed One", "listed"), (42, "Some Pool", "mining"), (43, "A Desk", "exchange")
)
STARTS = (345, 260)
"""Days: from one all looks are after the days of a control, from the other before them (T16)."""
DAYS, ACTS, LOOKS, HUB_DEGREE, FINAL_BLOCKS = 120, 150, 8, 7, 10 * DAY_BLOCKS
PEOPLE = [*range(1, 25), 30, 31]
PROVIDERS = [*range(30, 34), 5]
STRANGERS = range(40, 48)
ANY_SIZE = {
    rule.id: {each.name: each.low for each in rule.parameters if each.name.startswith("min_")}
    | ({"max_median_usd": 10**6, "max_spent_percent": 1_000} if rule.id == "T10" else {})
    | ({"enabled": True} if rule.role == "off" else {})
    for rule in all_rules()
}
"""Rules that speak of nearly everything."""


def act(chance: Random, n: int, block: int) -> Rows:  # noqa: PLR0911 - a way out for each kind
    """Something happens, of any kind, among few."""
    one, other = chance.choice(PEOPLE), chance.choice([*PEOPLE, *STRANGERS])
    host = chance.choice(PROVIDERS)
    machine = f"m{host}{chance.choice(['', 'b'])}"
    match chance.randrange(14):
        case 0 | 1 | 2:
            more: dict[str, Any] = {} if chance.randrange(3) else {"payer": who(chance.choice(PEOPLE))}
            more |= {"market": chance.choice(["reference", "reference", "other"]), "machine_id": machine}
            more |= {"gpu_raw": chance.choice(["H100", "H100", "RTX 4090 48GB", "H20", "B200"])}
            gpus, days = chance.choice([1, 6, 8, 8, 64]), chance.choice([1, 10, 40])
            price = chance.choice([1, 2, 2, 2, 9]) * 10**6 * gpus
            return lease(n, one, block=block, provider=host, gpus=gpus, days=days, price_amount=price, **more)
        case 3 | 4:
            sender, to = chance.sample([one, other], 2)
            return pay(sender, to, block=block, nonce=n)
        case 5 | 6:
            sender, to = chance.sample([one, other], 2)
            return send(sender, to, chance.choice([3, 5_000]), block=block, log=n)
        case 7:
            return close(chance.randrange(n + 1), block=block)
        case 8:
            return deposit(chance.randrange(n + 1), other, 2_000, block=block)
        case 9:
            return refund(chance.randrange(n + 1), other, 2_000, block=block)
        case 10:
            return register(host, block=block, name=f"p{host}", endpoint=f"endpoint-{host % 2}", beneficiary=who(other))
        case 11:
            return offer(host, machine, block=block, gpus=64, region_raw=chance.choice(["DE", "SG"]), tier=None)
        case 12:
            sign = {"hardware_id": f"gpu-serial-{chance.randrange(3)}", "region_raw": chance.choice(["DE", "SG"])}
            return attest(machine, block=block, **sign)
        case _:
            return chance.choice([
                beat(machine, block=block), retire(host, block=block), withdraw_machine(host, machine, block=block)
            ])  # fmt: skip


def upto(rows: Rows, block: int) -> Rows:
    return Rows(*([row for row in part if row["block_number"] <= block] for part in rows))


@pytest.mark.parametrize(("seed", "few"), [(1, 0), (2, 5_000), (61, 0), (61, 5_000)])
def test_judging_on_equals_judging_anew(seed, few, monkeypatch):
    # rules are asked of all who are near where these have few leases, else of those who are near for each
    monkeypatch.setattr(judge, "_FEW", few)
    chance = Random(seed)
    start = STARTS[seed % 2] * DAY_BLOCKS
    blocks = sorted(start + chance.randrange(DAYS * DAY_BLOCKS) for _ in range(ACTS))
    rows = each(*(act(chance, n, block) for n, block in enumerate(blocks)))
    late = [row for row in rows.logs if chance.randrange(5) == 0 and row["address"] == USDC]
    late += [row for row in rows.native if chance.randrange(5) == 0]
    fixed: dict[str, Any] = {"overrides": ANY_SIZE, "hub_degree": HUB_DEGREE, "fee_transactions": 3}
    fixed["emits"] = emitted(events(*rows.events))
    known, last, final, spoken, before = Known.nothing(), start, 0, 0, empty(TRANSFERS)
    for look in range(LOOKS):
        # most at once, then little by little, sometimes back over a fork; some transfers come late
        step = chance.choice([-8, 1, 1, 2, 3, 12]) if look else DAYS * 2 // 3
        head = max(final + 1, last + step * DAY_BLOCKS)
        seen = upto(rows, head)
        if look < LOOKS - 2:
            logs, sent = ([row for row in part if row not in late] for part in (seen.logs, seen.native))
            seen = seen._replace(logs=logs, native=sent)
        now = {"chains": chain(head_block=head, head_time=time_of(head))} | fixed
        there, _ = transfers(token_logs(*seen.logs), native(*seen.native))
        came = there.join(before, on=before.columns, how="anti", nulls_equal=True)
        now["late"], before = came.filter(pl.col("block_number") <= final), there
        on, anew = judged(seen, LABELS, known=known, since={1: final}, **now), judged(seen, LABELS, **now)
        assert on.judgement == anew.judgement
        for name in ("people", "nodes", "stays", "fees", "fee_reads", "clusters"):
            assert_frame_equal(getattr(on, name), getattr(anew, name))
        for name in ("leases", "lease_events", "capacity", "supply", "funders", "links", "members", "hubs"):
            assert_frame_equal(getattr(on.facts, name), getattr(anew.facts, name))
        last, final, spoken = head, max(final, head - FINAL_BLOCKS), spoken + len(on.judgement.findings)
    assert spoken
