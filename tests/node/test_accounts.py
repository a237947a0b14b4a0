"""What each wallet of a played world is: asked, kept in the ledger, shown with where it comes from."""

import json

import pytest

from monitor.config import load
from monitor.ledger.reader import Reader
from monitor.views import format as fmt
from monitor.views.bundle import load_bundle
from monitor.views.fromledger import snapshot
from tests.node.drive import monitor_now

pytestmark = pytest.mark.node


def test_a_backfill_learns_what_wallets_are(undisturbed):
    place, _ = undisturbed
    config = load(str(place.config)).config
    with Reader(place.ledger) as reader:
        seen = snapshot(reader, load_bundle(config), config)
        head = reader.chains()[0].head
    known = seen.accounts
    assert known["address"].to_list() == seen.wallets["address"].to_list()
    assert set(known["kind"]) == {"eoa", "contract"}, "the world pays some leases from a contract"
    assert known["as_of"].unique().to_list() == [head]
    assert known["nonce"].null_count() == known["first_nonce"].null_count() == 0
    assert (known["first_nonce"] <= known["nonce"]).all()
    funded = known.filter(known["funder"].is_not_null() & (known["kind"] == "eoa")).row(0, named=True)
    wallet, funder = fmt.address(funded["address"]), fmt.address(funded["funder"])
    done = monitor_now(place, "wallets", "show", str(wallet))
    assert f"an account of a key as of block {head}" in done.out
    assert f"first funded by {funder} in 0x{funded['funder_tx'].hex()}" in done.out
    (row,) = json.loads(monitor_now(place, "wallets", "show", str(wallet), "--format", "json").out)["accounts"]
    assert (row["kind"], row["nonce"], row["funder"]) == ("eoa", funded["nonce"], funder)
