from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
SHARED = CONTRACTS.parent.parent / "shared" / "markets" / "events"
REPLICAS = {
    "SpheronReplicaOrder": ("spheron", "OrderRequest"),
    "SpheronReplicaBid": ("spheron", "Bid"),
    "SpheronReplicaLease": ("spheron", "ComputeLease"),
    "SpheronReplicaProviderRegistry": ("spheron", "ProviderRegistry"),
    "DeepLinkReplicaRent": ("deeplink_dbc", "Rent_short_term"),
    "DeepLinkReplicaStaking": ("deeplink_dbc", "NFTStaking_short_term"),
    "MarlinReplica": ("marlin_oyster", "MarketV1"),
}


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", "build.mjs", *arguments], cwd=cwd, capture_output=True, text=True, timeout=280, check=False
    )


def test_the_committed_artifacts_are_what_the_sources_compile_to():
    result = run("--check", cwd=CONTRACTS)
    assert result.returncode == 0, result.stderr


def test_a_changed_artifact_is_noticed(tmp_path: Path):
    for name in ("build.mjs", "package.json"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    (tmp_path / "node_modules").symlink_to(CONTRACTS / "node_modules")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "One.sol").write_text(
        "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\ncontract One { uint256 public x; }\n"
    )
    assert run(cwd=tmp_path).returncode == 0
    assert run("--check", cwd=tmp_path).returncode == 0
    path = tmp_path / "artifacts" / "One.json"
    path.write_text(path.read_text().replace("0x60", "0x61", 1))
    result = run("--check", cwd=tmp_path)
    assert result.returncode == 1
    assert "One" in result.stderr


def test_the_event_list_is_the_contracts():
    written = {
        line.removeprefix("event ").rstrip(";")
        for line in (CONTRACTS / "EVENTS.md").read_text().splitlines()
        if line.startswith("event ")
    }
    abi = json.loads((CONTRACTS / "artifacts" / "ComputeMarket.json").read_text())["abi"]
    inherited = {"Initialized", "RoleAdminChanged", "RoleGranted", "RoleRevoked", "Upgraded"}
    compiled = {declaration(item) for item in abi if item["type"] == "event" and item["name"] not in inherited}
    assert compiled == written


@pytest.mark.parametrize("name", sorted(REPLICAS))
def test_replicas_speak_exactly_as_the_real_contracts(name: str):
    if not SHARED.is_dir():
        pytest.skip("the notes about the real markets are not beside this checkout")
    market, contract = REPLICAS[name]
    real = json.loads((SHARED / f"{market}.json").read_text())["contracts"][contract]["events"]
    known = {declaration(item) for item in real}
    abi = json.loads((CONTRACTS / "artifacts" / f"{name}.json").read_text())["abi"]
    spoken = {declaration(item) for item in abi if item["type"] == "event"}
    assert spoken
    assert spoken <= known


def test_the_spheron_escrow_speaks_as_both_real_escrows():
    if not SHARED.is_dir():
        pytest.skip("the notes about the real markets are not beside this checkout")
    real = json.loads((SHARED / "spheron.json").read_text())["contracts"]
    known = {declaration(item) for part in ("EscrowUser", "EscrowProtocol") for item in real[part]["events"]}
    abi = json.loads((CONTRACTS / "artifacts" / "SpheronReplicaEscrow.json").read_text())["abi"]
    assert {declaration(item) for item in abi if item["type"] == "event"} <= known


def test_the_lock_file_names_no_registry_but_npm():
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    resolved = [package.get("resolved", "") for package in lock["packages"].values()]
    assert all(not url or url.startswith("https://registry.npmjs.org/") for url in resolved)


def test_the_lock_file_installs_on_every_platform(tmp_path: Path):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    # Offline and with nobody to ask: a dry run only compares the two files, as `npm ci` does first.
    command = ["npm", "ci", "--dry-run", "--offline", "--registry", "http://127.0.0.1:9"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    nodes = {name for name in lock["packages"] if name.startswith("node_modules/@foundry-rs/anvil-")}
    assert len(nodes) == 5


def declaration(item: dict[str, Any]) -> str:
    words = [f"{i['type']}{' indexed' if i['indexed'] else ''} {i['name']}" for i in item["inputs"]]
    return f"{item['name']}({', '.join(words)})"
