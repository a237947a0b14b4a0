"""Law 7 for whom to follow: going on from what is held tells what a plain look at all transfers tells."""

from collections import defaultdict
from random import Random

import polars as pl
import pytest

from monitor.facts.bounds import AMOUNT_LIMIT
from monitor.facts.folding import Folded, Turned
from monitor.facts.inorder import places
from monitor.facts.people import PEOPLE
from monitor.facts.transfers import CHAIN_ORDER
from monitor.model.schema import TRANSFERS
from monitor.wallets import dealings, held
from monitor.wallets.expand import HOPS, Following, Reach
from monitor.wallets.funding import DUST_FRACTION
from monitor.wallets.labels import OWNER, SERVICES
from monitor.wallets.watch import LAST_AWAITED, WATCH, Limits
from tests.facts.rows import who
from tests.wallets.worlds import label_rows

BLOCKS, LOOKS = 60, 12
CONTRACT = who(7)
NOBODY = bytes(20)
ORDER = [*CHAIN_ORDER, "sender", "recipient", "token", "amount"]


class Plainly:
    """Whom to follow as the documents say it, one transfer at a time."""

    def __init__(self, moved, people, limits, reach, labels):
        self.rows, self.limits, self.reach = moved.rows(named=True), limits, reach
        kinds = defaultdict(set)
        for address, kind in labels.select("address", "kind").iter_rows():
            kinds[address].add(kind)
        self.named = {address for address, all_kinds in kinds.items() if all_kinds & set(SERVICES)}
        self.named |= {CONTRACT, NOBODY}
        self.owned = {address for address, all_kinds in kinds.items() if OWNER in all_kinds} - self.named
        self.people: dict[tuple[int, bytes], int] = {}
        for chain, address, block in people.select("chain_id", "address", "first_block").iter_rows():
            self.people[chain, address] = min(block, self.people.get((chain, address), block))
        self.watch, self.hops = set(), []
        self.find()

    def read(self):
        return [row for row in self.rows if any(self.reads(row, end) for end in (row["sender"], row["recipient"]))]

    def reads(self, row, end):
        chain, block = row["chain_id"], row["block_number"]
        final = self.limits[chain].final if chain in self.limits else None
        return any(
            (chain, end, row["kind"]) == (of, address, kind) and start <= block and (stop is None or block < stop)
            and (stage <= LAST_AWAITED or final is None or block <= final)
            for of, address, kind, start, stop, stage in self.watch
        )  # fmt: skip

    def busy(self):
        met = defaultdict(set)
        for row in self.read():
            if row["amount"] > 0 and row["recipient"] is not None:
                met[row["chain_id"], row["sender"]].add(row["recipient"])
                met[row["chain_id"], row["recipient"]].add(row["sender"])
        many = {wallet[1] for wallet, others in met.items() if len(others - {wallet[1]}) >= self.reach.max_degree}
        return self.named | (many - self.owned)

    def inbound(self, wallet):
        theirs = [row for row in self.read() if row["chain_id"] == wallet[0]]
        spent: defaultdict[bytes, list[int]] = defaultdict(list)
        most: defaultdict[bytes, int] = defaultdict(int)
        for row in theirs:
            if row["sender"] == wallet[1] and row["amount"] > 0 and row["kind"] == "erc20":
                spent[row["token"]].append(row["block_number"])
        got = [
            row for row in theirs
            if row["recipient"] == wallet[1] and 0 < row["amount"] < AMOUNT_LIMIT
            and row["sender"] not in {wallet[1], NOBODY, CONTRACT}
        ]  # fmt: skip
        for row in got:
            most[row["token"]] = max(most[row["token"]], row["amount"])
        return [
            row for row in got
            if row["amount"] * DUST_FRACTION >= most[row["token"]]
            and (row["kind"] == "native" or max(spent[row["token"]], default=-1) >= row["block_number"])
        ]  # fmt: skip

    def add(self, wallet, native, tokens, stage):
        limit = self.limits[wallet[0]]
        if limit.transfers and tokens:
            self.watch.add((*wallet, "erc20", *tokens, stage))
        if limit.native_lookback and native:
            self.watch.add((*wallet, "native", *native, stage))

    def around(self, wallet, block, first, stop, stage):
        start, lookback = max(0, first), self.limits[wallet[0]].native_lookback
        self.add(wallet, (max(start, block - lookback), stop), (start, stop), stage)

    def find(self):
        people = {wallet: block for wallet, block in self.people.items() if wallet[0] in self.limits}
        for wallet, block in people.items():
            limit = self.limits[wallet[0]]
            self.add(wallet, (max(0, block - limit.native_lookback), block + 1), (limit.start, None), 0)
        funded = [got for wallet in people if (got := self.inbound(wallet))]
        for first in [min(got, key=place) for got in funded]:
            wallet, block = (first["chain_id"], first["sender"]), first["block_number"]
            reach = self.limits[wallet[0]].around_funding
            self.around(wallet, block, block - reach, block + reach + 1, 1)
        known, asked = set(people), set(people)
        for hop in range(1, self.reach.depth + 1):
            asked = self.hop(hop, known, asked)

    def hop(self, hop, known, asked):
        busy = self.busy()
        met: dict[tuple[int, bytes], int] = {}
        for wallet in asked:
            if wallet[1] in busy:
                continue
            paid = [
                (row["recipient"], row["block_number"]) for row in self.read()
                if (row["chain_id"], row["sender"]) == wallet and row["amount"] > 0 and row["recipient"] is not None
            ]  # fmt: skip
            for other, block in [*paid, *((row["sender"], row["block_number"]) for row in self.inbound(wallet))]:
                if other not in busy and (wallet[0], other) not in known:
                    met[wallet[0], other] = min(block, met.get((wallet[0], other), block))
        taken = set()
        for chain in sorted({chain for chain, _ in met}):
            before = sum(wallets for of, _, wallets, _ in self.hops if of == chain)
            here = sorted((block, other) for (of, other), block in met.items() if of == chain)
            room = max(0, self.reach.max_wallets - before)
            taken |= {(chain, other) for _, other in here[:room]}
            self.hops.append((chain, hop, len(here[:room]), len(here[room:])))
        for wallet in taken:
            reach = self.limits[wallet[0]].around_funding
            step = max(1, reach)
            first = met[wallet] - met[wallet] % step
            self.around(wallet, met[wallet], first - reach, first + step + reach, 2 * hop)
        known |= taken
        busy = self.busy()
        whole = {wallet for wallet in taken if wallet[1] not in busy}
        for wallet in whole:
            self.add(wallet, None, (self.limits[wallet[0]].start, None), 2 * hop + 1)
        return whole


def place(row):
    order = ("block_number", "log_index", "nonce", "tx_hash", "sender", "token", "amount")
    return tuple((row[name] is not None, row[name] or 0) for name in order)


def transfer(chance, wallets):
    token = chance.choice([b"t" * 20, b"u" * 20, None])
    # a few serve many
    sender, recipient = (chance.randrange(3 if chance.randrange(3) == 0 else wallets) for _ in range(2))
    return dict.fromkeys(TRANSFERS) | {
        "chain_id": chance.choice([1, 1, 1, 2, 3]), "block_number": chance.randrange(BLOCKS), "block_time": 0,
        "kind": "erc20" if token else "native", "token": token, "log_index": chance.randrange(4) if token else -1,
        "sender": who(sender), "recipient": who(recipient) if token or chance.randrange(9) else None,
        "amount": chance.choice([0, 1, 5, 5_000, 7_000, 10**33]), "nonce": None if token else chance.choice([None, 1]),
        "tx_hash": bytes([chance.randrange(6)]) * 32,
    }  # fmt: skip


def person(chance, wallets):
    block = chance.randrange(BLOCKS)
    return chance.choice([1, 1, 2]), who(chance.randrange(wallets)), chance.choice(["renter", "payer"]), *[block] * 4


class World:
    """A chain that grows, forks and becomes final, and what is asked of it."""

    def __init__(self, chance):
        self.chance, self.wallets = chance, chance.choice([8, 15, 30])
        self.rows = [transfer(chance, self.wallets) for _ in range(chance.choice([10, 60, 150]))]
        self.persons = [person(chance, self.wallets) for _ in range(chance.choice([1, 3, 8]))]
        self.labels, self.final, self.head, self.since = set(), {1: -1, 2: -1, 3: -1}, 5, {}
        self.reach = Reach(chance.choice([1, 2, 2, 3]), chance.choice([2, 3, 5, 9]), chance.choice([0, 2, 4, 8, 99]))
        self.seen, self.people = pl.DataFrame(schema=TRANSFERS), pl.DataFrame(schema=PEOPLE)
        self.far = {chain: self.limit() for chain in (1, 2)}
        self.waits = chance.randrange(5) > 0

    def limit(self):
        chance = self.chance
        far = chance.choice([0, 0, 10]), chance.choice([0, 3, 20, 200]), chance.choice([0, 2, 7])
        return Limits(*far, transfers=chance.randrange(9) > 0)

    def asked(self):
        moved = pl.DataFrame([row for row in self.rows if row["block_number"] <= self.head], schema=TRANSFERS)
        people = pl.DataFrame([row for row in self.persons if row[3] <= self.head], schema=PEOPLE, orient="row")
        limits = {
            chain: far._replace(final=self.final[chain] if self.waits else None) for chain, far in self.far.items()
        }
        return (
            moved.unique().sort(ORDER),
            people.sort(list(PEOPLE)),
            limits,
            self.reach,
            label_rows(*sorted(self.labels)),
        )

    def late(self, moved):
        """Say which rows came since the last look in blocks that were as they are."""
        fresh = moved.join(self.seen, on=moved.columns, how="anti", nulls_equal=True)
        self.seen = moved
        since = pl.col("chain_id").replace_strict(self.since, default=-1, return_dtype=pl.Int64)
        return places(moved, fresh.filter(pl.col("block_number") <= since), ["chain_id", "block_number"])

    def turned(self, people):
        """Say of which people something else is known than at the last look, if that is told."""
        before, self.people = self.people, people
        differ = [one.join(two, on=list(PEOPLE), how="anti") for one, two in ((before, people), (people, before))]
        # more may be told of, and need not be
        told = pl.concat([*differ, people.head(self.chance.randrange(3))])["address"].implode()
        none = people.clear()
        was, now = (Folded(none, none, each.filter(pl.col("address").is_in(told))) for each in (before, people))
        return self.chance.choice([None, Turned(none, was, now)])

    def turn(self):
        """Let a look's time pass."""
        chance, self.since = self.chance, dict(self.final)
        self.final = {chain: max(at, min(self.head, at + chance.randrange(8))) for chain, at in self.final.items()}
        if chance.randrange(3) == 0:
            settled = [row["block_number"] <= self.final[row["chain_id"]] for row in self.rows]
            self.rows = [row for row, stays in zip(self.rows, settled, strict=True) if stays or chance.randrange(4)]
            self.persons = [row for row in self.persons if chance.randrange(5)]
        news = [transfer(chance, self.wallets) for _ in range(chance.randrange(12))]
        match chance.randrange(6):
            case 0:
                self.since = {}
            case 1 | 2:
                pass  # some come late
            case _:
                news = [row for row in news if row["block_number"] > self.final[row["chain_id"]]]
        self.rows += news
        self.persons += [person(chance, self.wallets) for _ in range(chance.randrange(2))]
        if chance.randrange(8) == 0:
            self.labels ^= {(chance.randrange(self.wallets), "x", chance.choice(["exchange", "owner", "listed"]))}
        if chance.randrange(12) == 0:
            self.reach = self.reach._replace(max_degree=chance.choice([2, 3, 5, 9]))
        if chance.randrange(15) == 0:
            self.far[1] = self.limit()
        self.head = max(*self.final.values(), self.head + chance.choice([-2, 0, 1, 4, 10]))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Let what is held stand in several parts in worlds of a few rows."""
    for module in (dealings, held):
        monkeypatch.setattr(module, "_SMALL", 2)


@pytest.mark.parametrize("seed", range(12))
def test_going_on_tells_what_a_plain_look_at_everything_tells(seed):
    world, following = World(Random(seed)), Following()
    for _ in range(LOOKS):
        moved, people, limits, reach, labels = world.asked()
        told, late = world.turned(people), world.late(moved)
        found = following.become(moved, people, limits, reach, labels, [CONTRACT], world.since, late, turned=told)
        plain = Plainly(moved, people, limits, reach, labels)
        assert found.watch.equals(pl.DataFrame(list(plain.watch), schema=WATCH, orient="row").sort(list(WATCH)))
        assert found.hops.equals(pl.DataFrame(plain.hops, schema=HOPS, orient="row").sort("chain_id", "hop"))
        assert moved.filter(found.inside).rows(named=True) == plain.read()
        world.turn()


def test_what_comes_late_is_put_in_its_place_and_nothing_begins_anew(monkeypatch):
    world, following = World(Random(3)), Following()
    world.labels, world.final, world.head = set(), dict.fromkeys(world.final, BLOCKS), BLOCKS
    everything, people, limits, reach, labels = world.asked()
    came = pl.int_range(pl.len()) % 3
    for upto in (dict.fromkeys(world.final, -1), world.final):
        following.become(everything.filter(came == 0), people, limits, reach, labels, [CONTRACT], upto)
    monkeypatch.setattr(Following, "_begin", None)
    for part in (1, 2):
        moved = everything.filter(came <= part)
        late = moved.with_row_index("row").join(everything.filter(came == part), on=moved.columns, nulls_equal=True)
        at = late["row"].sort().cast(pl.Int64).to_numpy()
        found = following.become(moved, people, limits, reach, labels, [CONTRACT], world.final, at)
        plain = Plainly(moved, people, limits, reach, labels)
        assert found.watch.equals(pl.DataFrame(list(plain.watch), schema=WATCH, orient="row").sort(list(WATCH)))
        assert moved.filter(found.inside).rows(named=True) == plain.read()


def test_a_wallet_that_comes_to_serve_many_is_let_go_and_taken_again_when_a_fork_takes_that_back():
    rows = [(1, 2, 10), (2, 3, 11), *((2, 10 + n, 12) for n in range(3))]
    moved = pl.DataFrame(
        [
            dict.fromkeys(TRANSFERS) | {
                "chain_id": 1, "block_number": block, "block_time": 0, "log_index": n, "kind": "erc20", "amount": 5,
                "token": b"t" * 20, "sender": who(sender), "recipient": who(recipient), "tx_hash": bytes(32),
            }
            for n, (sender, recipient, block) in enumerate(rows)
        ],
        schema=TRANSFERS,
    )  # fmt: skip
    people = pl.DataFrame([(1, who(1), "renter", 9, 9, 0, 0)], schema=PEOPLE, orient="row")
    limits = {1: Limits(0, 0, 5, transfers=True)}
    following, followed = Following(), []
    for height, since in ((3, {}), (5, {1: 11}), (3, {1: 11})):
        found = following.become(moved.head(height), people, limits, Reach(2, 4), label_rows(), [CONTRACT], since).watch
        followed.append(found.filter(pl.col("stage") == 3)["address"].to_list())
    assert followed == [[who(2)], [], [who(2)]]
