"""The README.txt of an evidence pack: what stands in it and how anybody checks it, in plain words."""

from __future__ import annotations

import textwrap

from monitor.model.lead import Lead
from monitor.views import format as fmt
from monitor.views.clean import terminal
from monitor.views.evidence import Evidence
from monitor.views.snapshot import Snapshot
from monitor.views.status import legal_text, statement

__all__ = ["readme"]

_WIDTH = 100
_FILES = {
    "lead.json": "the lead whole: findings with thresholds, parameters in force, values and positions; leases;"
    " exposure; wallets and the paths that join them; lawful explanations; blind spots; reviews; legal file",
    "evidence.csv": "every position that a finding, a lease or a link names; in_ledger says no where the ledger does"
    " not have it, as after a reorganisation",
    "logs.json": "the logs of these transactions, every field as nodes give it",
    "transactions.json": "native transactions among them; trace names a payment inside of one",
    "headers.json": "the blocks they stand in; parentHash is null where it was not kept",
    "labels.csv": "what is said of the wallets, by whom and as of when",
    "*.csv": "the rows of a full export that are about this lead, with the same columns",
    "manifest.json": "versions, chains and the SHA-256 of every file; a signature, if there is one, stands beside it",
}
_CHECK = """\
HOW TO CHECK A POSITION WITH ANY NODE

A position is chain:block:transaction:log. Ask a node of that chain for the receipt of the transaction:

  curl -s NODE_URL -H 'content-type: application/json' --data \\
    '{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionReceipt","params":["0xTRANSACTION"]}'

In the answer find the log whose logIndex is the position's log (in hexadecimal: 10 is 0xa). Its address, topics,
data and blockHash are those of the entry in logs.json with the same transactionHash and logIndex. Log -1 is the
transaction itself: eth_getTransactionByHash gives its from, to and value, which transactions.json repeats. The time
of a block is the timestamp of eth_getBlockByNumber, which headers.json repeats. What a log means is told by the
event's declaration in the market's adapter: `monitor markets decode logs.json`.

HOW TO CHECK THE WHOLE PACK

  monitor verify FILE.zip                              every file by its SHA-256, and the signature
  monitor verify FILE.zip --key public.pem             the signature by a key you were given
  monitor verify FILE.zip --chain ID --endpoint URL    every log and block of a chain with a node

Without this program: `sha256sum` of each file against manifest.json, and where there is a signature

  openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in manifest.json -sigfile manifest.json.sig
"""


def readme(part: Snapshot, lead: Lead, found: Evidence) -> str:
    """Write the page; `part` is what a snapshot has about the lead (`monitor.views.evidence.about`)."""
    gone = len(found.named) - len(found.held)
    counted = (
        f"{len(found.named)} positions are named, {f'{gone} of them not' if gone else 'all of them'} in the ledger; "
        f"{found.logs.height} logs, {found.transactions.height} transactions, {len(found.headers)} blocks."
    )
    withdrawn = ["This lead was RETRACTED: its evidence is no longer on the chain, or no longer adds up.", ""]
    return "\n".join(
        [
            terminal(f"EVIDENCE PACK OF {lead.lead_id}"),
            "",
            *(withdrawn if lead.state == "retracted" else ()),
            _wrapped(statement(lead)),
            "",
            _wrapped(legal_text(part)),
            "",
            "Made of",
            f"  monitor       {part.tool_version}",
            f"  configuration {part.config_digest} (adapters, rules and labels among it)",
            f"  as of         {fmt.time(part.as_of) or 'nothing read yet'} (time of the newest block)",
            *(
                terminal(f"  chain         {chain.chain_id} {chain.name}, up to block {chain.last_block}; "
                         f"blocks up to it that are unread for some contract: {chain.unread_blocks}")
                for chain in sorted(part.chains, key=lambda chain: chain.chain_id)
            ),
            "",
            _wrapped(counted),
            "",
            "WHAT STANDS IN IT",
            "",
            *(line for name, text in _FILES.items() for line in _entry(name, text)),
            "",
            _CHECK,
            "WHAT IS NOT IN IT",
            "",
            _wrapped(
                "What a contract or node said when it was asked beside logs (resource_provenance and the like, what a "
                "wallet is, fees of its transactions), and logs of transactions that nothing here names. The pack says "
                "what was on chain and which pattern it matched; who is behind a wallet, and why, it does not know."
            ),
            "",
        ]
    )  # fmt: skip


def _entry(name: str, text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=f"  {name:<18} ", subsequent_indent=" " * 21)


def _wrapped(text: str) -> str:
    return textwrap.fill(terminal(text, 4000), _WIDTH, break_long_words=False, break_on_hyphens=False)
