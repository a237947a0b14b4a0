"""The kinds of people in a generated world, each a function that writes one actor's life into the script.

`HONEST` gives each kind its share of the honest; `ADVERSARIES` are drawn evenly. Kinds that come close to a pattern are
kept common on purpose: a world is a test of judgement, not a survey. Pure, seeded by the scene.
"""

from collections.abc import Callable

from monitor.sim.archetypes import adversaries, adversaries_supply, honest, honest_groups, honest_providers
from monitor.sim.archetypes.scene import CARES, Care, Scene, Services

__all__ = ["ADVERSARIES", "CARES", "HONEST", "Care", "Play", "Scene", "Services"]

Play = Callable[[Scene], None]

HONEST: dict[Play, int] = {
    honest.hobbyist: 30,
    honest.newcomer: 6,
    honest.startup: 6,
    honest.lab: 6,
    honest.deadline_lab: 4,
    honest.spot_hunter: 4,
    honest.shopper: 4,
    honest.one_wallet_per_project: 5,
    honest.refunder: 4,
    honest.token_seller: 3,
    honest_groups.foundation: 4,
    honest_groups.organisation: 4,
    honest_groups.payroll: 3,
    honest_groups.accelerator: 3,
    honest_groups.render_farm: 3,
    honest_groups.reseller: 3,
    honest_groups.market_maker: 3,
    honest_groups.bridge_user: 4,
    honest_groups.relayed: 6,
    honest_providers.anchor_customer: 3,
    honest_providers.bankrupt: 2,
    honest_providers.empty_hall: 2,
    honest_providers.reward_farmer: 3,
}

ADVERSARIES: tuple[Play, ...] = (
    adversaries.broker_with_payer,
    adversaries.rolling_owner,
    adversaries.splitter,
    adversaries.card_pool,
    adversaries.hopper,
    adversaries.surge,
    adversaries.deposit_cycler,
    adversaries.lone_broker,
    adversaries.unseen,
    adversaries_supply.dedicated_cluster,
    adversaries_supply.hidden_reseller,
    adversaries_supply.shell_chain,
    adversaries_supply.mixed_money,
    adversaries_supply.ghost_hall,
    adversaries_supply.self_dealer,
)
