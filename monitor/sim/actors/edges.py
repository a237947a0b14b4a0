"""A provider and a renter whose words attack whoever shows them: escapes, markup, formulas, HTML, bidi, bad UTF-8."""

from __future__ import annotations

from monitor.sim.actors.supply import Supply
from monitor.sim.script import DAY, HOUR, Script
from monitor.sim.venues import (
    MARKET,
    Enclave,
    enclave_job,
    enclave_provider,
    fund_credits,
    offer,
    order_specs,
    rent,
    rent_rig,
    return_machine,
    spheron_lease,
    stake,
)

__all__ = ["HOSTILE", "LONG_TEXT_BYTES", "play_edges"]

LONG_TEXT_BYTES = 1_000_000
HOSTILE: dict[str, str | bytes] = {
    "escape": "\x1b[2J\x1b]0;owned\x07\x1b[31mRTX 4090\x1b[0m",
    "markup": "[bold red]RTX 4090[/] [link=file:///etc/passwd]here[/link]",
    "formula": '=cmd|" /C calc"!A0',
    "html": "<script>alert('RTX 4090')</script><img src=x onerror=alert(1)>",
    "bidi": "RTX \u202e0904\u202c \u2066x\u2069 \u200b\u00ad",
    "lines": "RTX 4090\r\n2026-01-01,forged,row\t|\x00\x85\u2028end",
    "not_utf8": b"RTX \xff\xfe\xc3( 4090 \xed\xa0\x80",
}


def play_edges(script: Script, supply: Supply) -> None:
    """Offer and rent machines with hostile names at all four markets."""
    provider, renter = script.wallet("edge provider"), script.wallet("edge renter")
    script.fund(script.day(5), supply.exchange, provider)
    script.fund(script.day(5), supply.exchange, renter, usd=5_000)
    fund_credits(script, script.day(5), supply.exchange, renter, 1_000)
    script.call(
        script.day(80), provider, MARKET, "registerProvider", "\x1b]8;;http://x.example\x07[b]eu[/b]", b"\0" * 32
    )
    for number, (name, text) in enumerate(HOSTILE.items()):
        start = script.day(82 + number)
        script.call(start, provider, MARKET, "updateProvider", text, b"\0" * 32)
        machine = offer(script, start + HOUR, provider, f"edge-{name}", text, 1, 50)
        lease = rent(script, start + 2 * HOUR, machine, renter, 24, f"edge {name}")
        return_machine(script, start + DAY, lease, renter)
    _elsewhere(script, supply, provider, renter)
    script.truth(
        "edges",
        "words that attack the reader",
        "benign",
        "all",
        renters=[renter],
        others=[provider],
        why="small leases with hostile text",
    )


def _elsewhere(script: Script, supply: Supply, provider: bytes, renter: bytes) -> None:
    for number, (name, text) in enumerate(HOSTILE.items()):
        rig = stake(script, script.day(80), provider, f"edge-{name}\u202e\x1b[7m", text, 30)
        rent_rig(script, script.day(92 + number), rig, renter, 10, f"edge {name}")
        spheron_lease(script, script.day(94 + number), renter, supply.spheron[2], _specs(text), 10, 40, f"edge {name}")
    enclave_provider(script, script.day(90), provider, HOSTILE["escape"])
    enclave = Enclave(provider, "c6g.large", "any", 10)
    for number, (name, text) in enumerate(HOSTILE.items()):
        enclave_job(script, script.day(95 + number), renter, enclave, 10, f"edge {name}", metadata=text)
    large = '{"instance":"' + "A" * LONG_TEXT_BYTES + '"}'
    enclave_job(script, script.day(104), renter, enclave, 10, "edge large", metadata=large)


def _specs(text: str | bytes) -> str | bytes:
    """Put the hostile words where the region stands, in an order that otherwise reads well."""
    if isinstance(text, str):
        return order_specs("rtx4090", 1, text)
    before, after = order_specs("rtx4090", 1, "REGION").encode().split(b"REGION")
    return before + text + after
