"""The people of the world, a file per kind: each writes its steps into the script and declares what it truly is.

Pure: the seeded `Script` is the only source of chance. The patterns are those of rules T03, T04, T05 and T07; the
honest actors come as close to them as honest actors do.
"""

from monitor.sim.actors.crowd import play_crowd
from monitor.sim.actors.edges import play_edges
from monitor.sim.actors.honest import play_honest
from monitor.sim.actors.proxies import play_proxies
from monitor.sim.actors.proxies_elsewhere import play_proxies_elsewhere
from monitor.sim.actors.supply import Supply, play_supply
from monitor.sim.actors.troubles import play_troubles

__all__ = [
    "Supply",
    "play_crowd",
    "play_edges",
    "play_honest",
    "play_proxies",
    "play_proxies_elsewhere",
    "play_supply",
    "play_troubles",
]
