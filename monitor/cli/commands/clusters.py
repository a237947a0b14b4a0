"""`monitor clusters`: wallets that evidence joins, in the ledger or in a file of transfers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from monitor.cli.context import load_config
from monitor.cli.listing import Filter, listing, read_snapshot, show

if TYPE_CHECKING:
    from monitor.views.output import Format

_listed = listing(
    "clusters",
    "List wallet clusters. A cluster is a hypothesis: `monitor explain A B` shows its path.",
    "clusters",
    short=("cluster_id", "size", "renters", "payers", "providers", "h100e_hours", "leads"),
    filters=(Filter("id", "cluster_id", "Only this cluster.", known=tuple),),
)


def _clusters(transfers: str | None, out: str | None, since: str | None, **rest: Any) -> None:
    """List the ledger's clusters or what became of them, or cluster a file of transfers."""
    if (transfers is None) != (out is None):
        message = "--transfers and --out go together"
        raise click.UsageError(message)
    of_the_ledger = {"since": since, **{name: rest[name] for name in ("at", "limit", "id")}}
    for name, value in of_the_ledger.items():
        if transfers is not None and value is not None:
            message = f"--transfers reads no ledger: --{name} does not go with it"
            raise click.UsageError(message)
    if since is not None:
        _changes(since, rest["at"], rest["fmt"])
    elif transfers is None or out is None:
        click.get_current_context().invoke(_listed, **rest)
    else:
        _from_file(Path(transfers), Path(out))


def _changes(since: str, at: str | None, fmt: Format) -> None:
    from monitor.errors import InputError
    from monitor.wallets.entities import lineage

    then, now = read_snapshot(since), read_snapshot(at)
    ends = {chain.chain_id: chain.last_block or 0 for chain in now.chains}
    late = [chain for chain in then.chains if (chain.last_block or 0) > ends.get(chain.chain_id, 0)]
    if late:
        message = f"--since {since} is after --at {at}"
        raise InputError(message, hint="the earlier moment comes first: --since, then --at")
    before, after = (dict(seen.wallets.select("address", "cluster_id").iter_rows()) for seen in (then, now))
    rows = [
        {"change": change.kind, "cluster_id": change.name, "others": change.others} for change in lineage(before, after)
    ]
    show(rows, fmt, columns=("change", "cluster_id", "others"))


def _from_file(source: Path, target: Path) -> None:
    from monitor.cli.transferfile import cluster_file
    from monitor.errors import InputError
    from monitor.views.output import write

    if str(target) == "-":
        write(cluster_file(source, load_config().config), "csv", sys.stdout)
        return
    if target.exists() and source.exists() and target.samefile(source):
        message = f"--out {target} is the file of transfers itself"
        raise InputError(message, hint="name another file")
    rows = cluster_file(source, load_config().config)
    try:
        rows.write_csv(target)
    except OSError as error:
        message = f"{target} cannot be written: {error.strerror or error}"
        raise InputError(message, hint="check the folder and its permissions") from error
    groups = rows["cluster_id"].n_unique()
    click.echo(f"wrote {len(rows)} addresses in {groups} clusters to {target}", err=True)


command = click.Command(
    "clusters",
    callback=_clusters,
    params=[
        *_listed.params,
        click.Option(
            ["--transfers"],
            metavar="FILE",
            help="Read no ledger but this CSV or Parquet file of transfers: columns from, to; optional chain, kind, "
            "token, value, timestamp, block, tx.",
        ),
        click.Option(
            ["--since"],
            metavar="BLOCK|TIME",
            help="What became of the clusters of then until --at, or now: new, merged, split, gone.",
        ),
        click.Option(
            ["--out"],
            metavar="FILE",
            help="Write address,cluster_id of every address of --transfers (- for standard output).",
        ),
    ],
    help=_listed.help,
)
