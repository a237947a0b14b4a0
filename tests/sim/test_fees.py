"""What people of a world set for fees: mostly what their software does, and one tip in all wallets of who sets it."""

from __future__ import annotations

from collections import Counter

from monitor.sim.fees import GWEI, own_tip, software_tip
from monitor.sim.generate import generate


def test_software_sets_few_tips_and_some_follow_the_network():
    wallets = [bytes([n // 256, n % 256]) * 10 for n in range(2_000)]
    often = Counter(software_tip(wallet, 1_000_000) for wallet in wallets)
    (common, most), (second, many), (asked, rest) = often.most_common()
    assert (common, second) == (3 * GWEI // 2, 2 * GWEI)
    assert most > many > rest > 200
    later = {software_tip(wallet, 9_000_000) for wallet in wallets}
    assert later - set(often), "the network asks for something else by then"
    assert asked not in later


def test_a_share_of_people_sets_a_tip_and_the_same_people_always():
    drawn = [own_tip(f"somebody {n}", 0.3) for n in range(1_000)]
    assert drawn == [own_tip(f"somebody {n}", 0.3) for n in range(1_000)]
    assert 200 < sum(tip is not None for tip in drawn) < 400
    assert {own_tip("somebody", 0.0), own_tip("somebody", 1.0)} > {None}


def test_who_sets_a_tip_sets_it_in_all_wallets_and_changes_nothing_else():
    script = generate(seed=4, actors=60, difficulty="naive").script
    by_actor = {truth.actor: {script.tips.get(bytes.fromhex(w[2:])) for w in truth.wallets} for truth in script.truths}
    assert all(len(tips) == 1 for tips in by_actor.values())
    scripted = [truth.label for truth in script.truths if by_actor[truth.actor] != {None}]
    assert set(scripted) == {"benign", "proxy"}
    step = next(step for step in script.steps() if step.sender in script.tips)
    assert script.tip(step) == script.tips[step.sender]
