"""Precision and recall of wallet links per family of evidence, on generated worlds with known owners.

No public data has owners together with values, times and leases, so these worlds stand in (`docs/sim.md` says what they
cannot tell). A link is right when both ends are of one actor, wrong when one end is somebody else's or nobody's.
Recall is the share of wallets of actors with several wallets that a right link of the family touches. `accepted` are
pairs that merge. For comparison in the same run: `one family` is the rule without its demand for two families, `no
fees` are the pairs that merge without the family of fees, `one habit` any two wallets that set the same for fees.
Worlds are those kept for reporting; `--node` plays them on anvil instead of the twin, with fewer people: anvil hashes
its whole state at every block, so that four times the people take it sixteen times as long. They have one chain; what
crosses a bridge is measured by `bench/bridges.py`.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from monitor.cli.simnode import play_on_node
from monitor.config import load
from monitor.sim.generate import REPORTING, generate
from monitor.sim.trial import Trial, judge_world, write_world
from monitor.wallets.evidence import pair_scores

Pairs = set[tuple[bytes, bytes]]
WORLDS = 2
ACTORS, ACTORS_ON_NODE = 400, 100
ON_NODE = "--node" in sys.argv[1:]
FLOOR = 0.95


def played(seed: int, folder: Path) -> Trial:
    """Write a world by the twin, or with `--node` play it on anvil and index it from there."""
    made = generate(seed=seed, actors=ACTORS_ON_NODE if ON_NODE else ACTORS)
    if not ON_NODE:
        return write_world(made, folder)
    return Trial(folder, play_on_node(made, folder), load(str(folder / "config.toml")).config)


def measured(trial: Trial) -> tuple[dict[bytes, str], dict[str, Pairs]]:
    """Owners by wallet, and linked pairs by family, of one world."""
    found, _ = judge_world(trial)
    owner = {bytes.fromhex(wallet[2:]): truth.actor for truth in trial.world.truth for wallet in truth.wallets}
    links = found.world.facts.links
    pairs = {
        str(name): set(rows.select("a", "b").iter_rows())
        for (name,), rows in links.filter(pl.col("weight") > 0).group_by("family")
    }
    scores = pair_scores(links)
    pairs["accepted"] = {(pair.a, pair.b) for pair in scores if pair.accepted}
    pairs["one family"] = {(pair.a, pair.b) for pair in scores}
    rest = pair_scores(links.filter(pl.col("family") != "fee"))
    pairs["no fees"] = {(pair.a, pair.b) for pair in rest if pair.accepted}
    habits = found.world.habits
    both = habits.join(habits, on=["chain_id", "what", "value"], how="inner", suffix="_b")
    pairs["one habit"] = set(
        both.filter(pl.col("address") < pl.col("address_b")).select("address", "address_b").iter_rows()
    )
    return owner, pairs


def rates(owner: dict[bytes, str], pairs: Iterable[tuple[bytes, bytes]]) -> tuple[int, int, int, int]:
    """Right links, links, wallets touched by a right link, wallets of actors with several."""
    known = [(a, b) for a, b in pairs if a in owner or b in owner]
    right = [(a, b) for a, b in known if owner.get(a) == owner.get(b)]
    wallets = Counter(owner.values())
    several = [wallet for wallet, name in owner.items() if wallets[name] > 1]
    touched = {end for pair in right for end in pair} & set(several)
    return len(right), len(known), len(touched), len(several)


def main() -> int:
    totals: dict[str, list[int]] = {}
    for seed in REPORTING[:WORLDS]:
        with TemporaryDirectory() as folder:
            owner, pairs = measured(played(seed, Path(folder)))
        for name, found in pairs.items():
            sums = totals.setdefault(name, [0] * 4)
            totals[name] = [before + more for before, more in zip(sums, rates(owner, found), strict=True)]
    people = f"{ACTORS_ON_NODE} actors each on a node" if ON_NODE else f"{ACTORS} actors each by the twin"
    print(f"{WORLDS} worlds, {people}")
    print(f"{'family':<12} {'links':>6} {'precision':>10} {'recall':>7}")
    precision = {name: right / max(known, 1) for name, (right, known, _, _) in totals.items()}
    for name, (_, known, touched, several) in sorted(totals.items()):
        print(f"{name:<12} {known:>6} {precision[name]:>10.3f} {touched / max(several, 1):>7.3f}")
    print(f"two families: {precision['accepted']:.3f} right, one family: {precision['one family']:.3f}")
    return 0 if precision["accepted"] >= FLOOR else 1


if __name__ == "__main__":
    sys.exit(main())
