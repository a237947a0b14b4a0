"""Generate a world of any size: many honest people, few adversaries, naive to careful, with the truth beside it."""

from __future__ import annotations

from typing import Literal, NamedTuple

from monitor.errors import InputError
from monitor.sim.archetypes import ADVERSARIES, CARES, HONEST, Care, Scene, Services
from monitor.sim.archetypes.plaza import Plaza
from monitor.sim.fees import own_tip
from monitor.sim.script import DAY, Script
from monitor.sim.stage import Stage, build_stage
from monitor.sim.venues import fund_credits

__all__ = ["HONEST_SHARE", "MIN_ACTORS", "REPORTING", "START", "TUNING", "Difficulty", "Generated", "generate"]

Difficulty = Literal["naive", "moderate", "careful", "mixed"]

HONEST_SHARE = 0.95
"""At least this share of the actors is honest."""
MIN_ACTORS = 20
TUNING = range(1, 21)
"""Seeds that thresholds may be tried on."""
REPORTING = range(101, 111)
"""Seeds that are only reported on; nothing is tuned on them."""
START = 1_738_368_000
"""2025-02-01: the story holds a day on which a control took effect, for those who hurry before it."""
_DAYS = 330
OWN_TIP = 0.05
"""Share of the honest who set the tip themselves."""
_BYSTANDERS = 230
"""More than 200, the degree from which a wallet counts as a hub that connects nobody."""


class Generated(NamedTuple):
    """A script with the services whose labels the world's configuration carries."""

    script: Script
    services: Services


def generate(*, seed: int, actors: int = 400, difficulty: Difficulty = "mixed", start: int = START) -> Generated:
    """Write a world: same arguments, same steps; raises InputError for too few actors.

    Adversaries come in turn, so that a few worlds hold every kind; honest kinds are drawn by their shares.
    """
    if actors < MIN_ACTORS:
        message = f"a world needs at least {MIN_ACTORS} actors, not {actors}"
        raise InputError(message, hint="give --actors a larger number")
    probe = Script(Stage(b"", (), ()), seed=seed, start=start, scale=1.0)
    stage = build_stage(probe.wallet("deployer"), probe.wallets("member", 3))
    script = Script(stage, seed=seed, start=start, scale=1.0)
    services = _services(script)
    plaza = Plaza(script, services.exchanges[0], halls=max(4, actors // 12), end=start + _DAYS * DAY)
    adversaries = int(actors * (1 - HONEST_SHARE) + 1e-9)
    kinds = script.random.choices(list(HONEST), weights=list(HONEST.values()), k=actors - adversaries)
    for number, kind in enumerate(kinds):
        kind(Scene(script, plaza, services, f"{kind.__name__} {number}", CARES["naive"]))
        _set_tip(script, OWN_TIP)
    first = seed * adversaries
    for number in range(adversaries):
        kind = ADVERSARIES[(first + number) % len(ADVERSARIES)]
        care = _care(difficulty, (first + number) // len(ADVERSARIES) + number)
        kind(Scene(script, plaza, services, f"{kind.__name__} {care.name} {number}", care))
        _set_tip(script, care.scripted)
    return Generated(script, services)


def _set_tip(script: Script, share: float) -> None:
    """Let a share of the actors use one tip in all their wallets: whoever was declared last."""
    truth = script.truths[-1]
    tip = own_tip(f"{script.seed} tip {truth.actor}", share)
    if tip is not None:
        script.tips |= {bytes.fromhex(wallet[2:]): tip for wallet in truth.wallets}


def _care(difficulty: Difficulty, turn: int) -> Care:
    names = list(CARES)
    return CARES[names[turn % len(names)]] if difficulty == "mixed" else CARES[difficulty]


def _services(script: Script) -> Services:
    """Fill the services' wallets on the first day, and let bystanders withdraw, so that exchanges look like ones."""
    main, second = script.wallet("exchange"), script.wallet("second exchange")
    bridge, mixer, relayer = script.wallet("bridge"), script.wallet("mixer"), script.wallet("relayer")
    for wallet in (second, bridge, mixer, relayer):
        script.send(script.start, main, wallet, 10_000)
        script.pay(script.start, main, wallet, 10**9 * 10**6)
        fund_credits(script, script.start, main, wallet, 10**6)
    bystanders = script.wallets("bystander", _BYSTANDERS)
    for number, wallet in enumerate(bystanders):
        for source in (main, second, bridge, mixer):
            script.send(script.start + (1 + number % 5) * DAY + number * 60, source, wallet, 0.05)
        script.pay(script.start + (2 + number % 5) * DAY + number * 60, main, wallet, 5_000 * 10**6)
    return Services((main, second), bridge, mixer, relayer, tuple(bystanders))
