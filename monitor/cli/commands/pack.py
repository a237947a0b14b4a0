"""`monitor pack LEAD`: all that one lead rests on in one file, to be checked years later."""

from __future__ import annotations

from pathlib import Path

import click

from monitor.cli.context import load_config, signer
from monitor.cli.listing import at_option, chosen_lead


@click.command("pack")
@click.argument("lead_id")
@click.option("--out", "path", metavar="FILE", help="The zip to write [default: LEAD_ID.zip].")
@at_option
def command(lead_id: str, path: str | None, at: str | None) -> None:
    """Write the evidence pack of a lead or screening item, also of a retracted one.

    A zip with the lead, its findings, leases, wallets and links, the logs and blocks they rest on exactly as nodes gave
    them, labels, reviews, the legal file, and a README.txt that says how to check every position with any node. The
    same ledger and configuration give the same bytes; where the configuration names an `[export] signing_key`, they
    are signed. `monitor verify FILE` checks it. Nothing is asked of a node.
    """
    from monitor.export import pack
    from monitor.ledger.reader import Reader
    from monitor.views.bundle import load_bundle, open_path
    from monitor.views.evidence import about, evidence
    from monitor.views.fromledger import snapshot

    config = load_config().config
    key, bundle = signer(), load_bundle(config)
    with Reader(open_path(config)) as reader:
        seen = snapshot(reader, bundle, config, at=at)
        lead = chosen_lead(seen, lead_id, at)
        found = evidence(reader, about(seen, lead))
    target = Path(path or f"{lead.lead_id}.zip")
    manifest = pack(seen, lead, found, bundle.labels, target, key)
    signed = "not signed" if key is None else "signed"
    click.echo(f"wrote {len(manifest.files)} files about {lead.lead_id} to {target}, {signed}", err=True)
    gone = len(found.named) - len(found.held)
    if gone:
        missing = f"{gone} of {len(found.named)} positions are not in the ledger"
        click.echo(f"{missing}: evidence.csv names them", err=True)
