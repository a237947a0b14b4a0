"""For auditors: CSV files with a manifest, evidence packs, pages, signatures, and the verification of all.

May import `views` and what stands below it. Reads no clock, no ledger and no chain: the same snapshot gives the same
bytes, so two people with the same ledger can compare files by hash.
"""

from monitor.export.manifest import Manifest
from monitor.export.pack import pack, read_packed
from monitor.export.report import lead_page, period_page, write_page
from monitor.export.signature import key_id, read_public, read_signer
from monitor.export.verify import Verdict, verify_manifest
from monitor.export.write import export

__all__ = [
    "Manifest",
    "Verdict",
    "export",
    "key_id",
    "lead_page",
    "pack",
    "period_page",
    "read_packed",
    "read_public",
    "read_signer",
    "verify_manifest",
    "write_page",
]
