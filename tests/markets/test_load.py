from __future__ import annotations

from decimal import Decimal

import pytest

from monitor.config import Config
from monitor.config.resources import bundled
from monitor.errors import ConfigError, MarketError
from monitor.markets.lifecycle import lifecycle
from monitor.markets.lines import lines_of, nearest
from monitor.markets.load import bind, bind_everywhere, folders, load_markets, tokens
from tests.markets.chain_of_logs import CONTRACT, LOCAL, TOKEN, built_in, local_config
from tests.markets.test_lint import GOOD, HEAD, written

USDC = bytes.fromhex("af88d065e77c8cc2239327c5edb3a432268e5831")


def config(**more) -> Config:
    chains = {name: {"id": number, "rpc": ["http://x"]} for name, number in (("arbitrum", 42161), ("base", 8453))}
    return Config.model_validate({"chains": chains} | more)


def test_adapters_are_bound_where_their_chain_is_configured():
    bound = bind(built_in(), config())
    found = {(item.chain_id, item.market) for item in bound}
    assert found >= {(42161, "marlin_oyster"), (8453, "spheron")}
    assert {chain for chain, _ in found} == {42161, 8453}
    (marlin,) = [item for item in bound if item.market == "marlin_oyster"]
    assert (marlin.from_block, marlin.token, marlin.token_decimals) == (87252070, USDC, 6)
    assert {item.block_seconds for item in bound if item.market == "spheron"} == {Decimal(2)}


def test_disabled_chains_and_markets_are_left_out():
    off = config(markets={"spheron": {"enabled": False}})
    found = {item.market for item in bind(built_in(), off)}
    assert "marlin_oyster" in found
    assert "spheron" not in found
    dark = Config.model_validate({"chains": {"base": {"id": 8453, "rpc": ["http://x"], "enabled": False}}})
    assert bind(built_in(), dark) == ()


def test_a_contract_that_serves_many_others_is_watched_only_where_its_market_is_named():
    chains = {"ethereum": {"id": 1, "rpc": ["http://x"]}, "polygon": {"id": 137, "rpc": ["http://x"]}}
    unnamed = Config.model_validate({"chains": chains})
    named = Config.model_validate({"chains": chains, "markets": {"golem": {}}})
    assert {item.chain_id for item in bind(built_in(), unnamed) if item.market == "golem"} == {137}
    assert {item.chain_id for item in bind(built_in(), named) if item.market == "golem"} == {1, 137}
    assert {item.chain_id for item in bind_everywhere(built_in(), unnamed) if item.market == "golem"} >= {1, 137}


def test_what_serves_many_others_is_asked_for_by_what_binds_it_to_the_market():
    (stream,) = [item for item in bind(built_in(), config()) if item.market == "aleph_superfluid"]
    ((first, token),) = [topics for topics in stream.only if len(topics) > 1]
    assert (len(first or ()), token) == (2, ((stream.token or b"").rjust(32, b"\0"),))


def test_a_configured_deployment_replaces_the_adapter_on_its_chain_only():
    address = "0x" + "ab" * 20
    own = {"deployments": {"base": {"contracts": {"order": address}, "from_block": 5}}}
    bound = bind(built_in(), config(markets={"spheron": own}))
    assert [(item.role, item.address.hex(), item.from_block) for item in bound if item.market == "spheron"] == [
        ("order", "ab" * 20, 5)
    ]
    assert any(item.market == "marlin_oyster" for item in bound)


def test_a_local_chain_brings_every_role_its_token_and_its_clock():
    bound = bind(built_in(), local_config())
    assert {(item.market, item.role) for item in bound} == {(m, r) for m, roles in CONTRACT.items() for r in roles}
    assert {(item.chain_id, item.token, item.token_decimals, item.block_seconds) for item in bound} == {
        (LOCAL, TOKEN, 6, Decimal(2))
    }


def test_all_faults_of_the_deployments_come_at_once():
    wrong = {"contracts": {"nobody": "0x" + "ab" * 20}, "token": "0x" + "cd" * 20}
    with pytest.raises(ConfigError) as caught:
        bind(built_in(), config(markets={"spheron": {"deployments": {"base": wrong}}, "nowhere": {}}))
    first, second, third = caught.value.message.splitlines()
    assert first == "markets.nowhere: no such market"
    assert second.startswith("markets.spheron.deployments.base.token: its decimals are not known")
    assert third.startswith("markets.spheron.deployments.base.contracts.nobody: no such role; known: bid,")


def test_tokens_of_the_configuration_win():
    own = {"base": {"id": 42161, "rpc": ["http://x"], "tokens": {"X": {"address": "0x" + USDC.hex(), "decimals": 7}}}}
    assert tokens(built_in())[42161, USDC].usd == Decimal(1)
    found = tokens(built_in(), Config.model_validate({"chains": own}))
    assert (found[42161, USDC].symbol, found[42161, USDC].decimals, found[42161, USDC].usd) == ("X", 7, None)


def test_a_bare_log_may_come_from_any_chain_of_an_adapter():
    everywhere = bind_everywhere(built_in(), local_config())
    assert {42161, 56, 8453, 19880818, LOCAL} <= {item.chain_id for item in everywhere}


def test_the_users_folder_comes_before_the_built_in_one(tmp_path):
    written(tmp_path, (HEAD + GOOD).replace('id = "m"', 'id = "spheron"'))
    found = folders(Config.model_validate({"market_path": [tmp_path.name]}), tmp_path.parent)
    assert found == (tmp_path, bundled("abis"))
    assert load_markets(found)["spheron"].title == "M"


def test_two_markets_of_one_id_in_one_folder_are_a_fault(tmp_path):
    written(tmp_path, HEAD + GOOD)
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "market.toml").write_text(HEAD + GOOD)
    with pytest.raises(MarketError, match=r"z/market.toml:2: market m is also in .*m/market.toml"):
        load_markets([tmp_path])


def test_a_market_file_of_absurd_size_or_encoding_is_refused(tmp_path):
    path = written(tmp_path, "x" * 600_000)
    with pytest.raises(MarketError, match="larger than"):
        load_markets([tmp_path])
    path.write_bytes(b"[market]\nid = '\xff'\n")
    with pytest.raises(MarketError, match=r":2: not UTF-8"):
        load_markets([tmp_path])


def test_lines_are_found_in_every_form_toml_has():
    text = "[a]\nx = 1\n[[b]]\ny.z = [\n  1, # one\n  {q = '''\n'''},\n]\n[[b]]\n[b.c]\nd = '#['\n"
    lines = lines_of(text)
    assert lines["a", "x"] == 2
    assert lines["b", 0, "y", "z"] == 4
    assert (lines["b", 0, "y", "z", 0], lines["b", 0, "y", "z", 1]) == (5, 6)
    assert lines["b", 1, "c", "d"] == 11
    assert nearest(lines, ["b", 1, "c", "nothing"]) == 10
    assert nearest(lines, ["nothing"]) == 1


def test_lifecycle_shows_what_each_event_means():
    rows = lifecycle(built_in()["marlin_oyster"])
    assert (rows[0].event, rows[0].verb, rows[0].layouts) == ("JobOpened", "lease.open", 2)
    assert "renter" in rows[0].fields
    assert rows[-1].verb == "ignore"
