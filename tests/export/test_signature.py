from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from monitor.config import Secret
from monitor.errors import ConfigError, InputError
from monitor.export import export, key_id, read_public, read_signer, verify_manifest
from monitor.export.signature import sign
from tests.surfaces_fixture import nothing, snapshot

# RFC 8032, section 7.1, test 2.
SEED = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
SIGNED = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
KEY = """-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIEzNCJso/5banbbDRuwRTg9bijGfNaumJNqM9u1PuKb7
-----END PRIVATE KEY-----
"""
OTHER = KEY.replace("EzNCJso", "EzNCJsp")


def pem(text: str) -> bytes:
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode()


def signer(tmp_path: Path, text: str = KEY):
    (tmp_path / "key.pem").write_text(text, encoding="ascii")
    return read_signer(Secret(f"file:{tmp_path}/key.pem"))


@pytest.fixture
def keys(tmp_path):
    return signer(tmp_path), signer(tmp_path, OTHER)


@pytest.fixture
def place(tmp_path, keys):
    export(snapshot(), tmp_path / "out", keys[0])
    return tmp_path / "out"


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_the_signature_is_that_of_the_standard(keys):
    assert bytes.fromhex(SEED) == keys[0].seed
    assert sign(keys[0], b"\x72")["manifest.json.sig"].hex() == SIGNED


def test_a_signature_stands_beside_and_changes_no_byte_of_the_export(place, keys, tmp_path):
    export(snapshot(), tmp_path / "plain")
    signed, plain = contents(place), contents(tmp_path / "plain")
    assert sorted(signed.keys() - plain.keys()) == ["manifest.json.pub", "manifest.json.sig"]
    assert {name: signed[name] for name in plain} == plain
    export(snapshot(), place, keys[0])
    assert contents(place) == signed


def test_who_signed_is_said_and_whether_that_was_asked_for(place, keys):
    alone = verify_manifest(place)
    assert alone.problems == []
    assert alone.signed == f"signed by {key_id(keys[0])}, a key that came with it: --key says whose it must be"
    assert verify_manifest(place, keys[0].public_key()).signed.endswith("the key that was asked for")
    other = verify_manifest(place, keys[1].public_key()).problems
    assert other == [f"manifest.json.pub: the key is {key_id(keys[0])}, asked for was {key_id(keys[1])}"]


def test_a_pinned_key_needs_none_beside_the_manifest(place, keys):
    (place / "manifest.json.pub").unlink()
    assert verify_manifest(place, keys[0].public_key()).problems == []
    assert verify_manifest(place).problems == ["manifest.json.pub: missing"]
    (wrong,) = verify_manifest(place, keys[1].public_key()).problems
    assert wrong.startswith(f"manifest.json.sig: no signature of this manifest by {key_id(keys[1])}")


def test_an_unsigned_export_is_a_problem_only_to_who_asks_for_a_signature(tmp_path, keys):
    export(snapshot(), tmp_path / "plain")
    assert verify_manifest(tmp_path / "plain") == ([], "not signed")
    (problem,) = verify_manifest(tmp_path / "plain", keys[0]).problems
    assert problem == "manifest.json.sig: missing: the manifest is not signed, and a key was asked for"


def test_an_unsigned_export_leaves_no_signature_of_another_behind(place):
    export(nothing(), place)
    assert verify_manifest(place) == ([], "not signed")


def test_a_manifest_that_was_changed_is_not_signed(place):
    manifest = place / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b"c0ffee", b"C0FFEE"))
    (problem,) = verify_manifest(place).problems
    assert "no signature of this manifest" in problem


def test_a_signature_that_was_taken_away_is_missed(place):
    (place / "manifest.json.sig").unlink()
    assert verify_manifest(place).problems == [
        "manifest.json.sig: missing, although manifest.json.pub is there",
    ]


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff\x00", b"=" * 100_000, pem("AAAA")),
        # no point of the curve, a byte too few, its padding cut off, a private key
        pem("MCowBQYDK2VwAyEA/////////////////////////////////////////w8="),
        pem("MCowBQYDK2VwAyEAZA8aqp736df3OGIAtTUt/MUUOXKH4bg1xAMqAcP9/Q=="),
        pem("MCowBQYDK2VwAyEAZA8aqp736df3OGIAtTUt/MUUOXKH4bg1xAMqAcP9/Uk"),
        KEY.encode(),
    ],
)
def test_what_is_no_public_key_is_said_to_be_none(place, data):
    (place / "manifest.json.pub").write_bytes(data)
    assert verify_manifest(place).problems == ["manifest.json.pub: no ed25519 public key in PEM"]
    (place / "given.pem").write_bytes(data)
    with pytest.raises(InputError, match="holds no ed25519 public key"):
        read_public(place / "given.pem")


@pytest.mark.parametrize("signature", [b"", b"\x00" * 63, b"\xff" * 64, b"\x00" * 5000])
def test_what_is_no_signature_is_none(place, signature):
    (place / "manifest.json.sig").write_bytes(signature)
    (problem,) = verify_manifest(place).problems
    assert problem.startswith("manifest.json.sig: no signature of this manifest by sha256:")


def test_a_folder_in_the_place_of_a_signature_is_none(place):
    (place / "manifest.json.sig").unlink()
    (place / "manifest.json.sig").mkdir()
    assert len(verify_manifest(place).problems) == 1


@pytest.mark.parametrize(
    "text", ["nothing", KEY.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), KEY.replace("MC4C", "MC4D")]
)
def test_a_wrong_signing_key_is_a_config_error_that_shows_nothing_of_it(tmp_path, text):
    with pytest.raises(ConfigError, match="holds no ed25519 private key") as caught:
        signer(tmp_path, text)
    assert "EzNCJso" not in caught.value.message
    assert "openssl genpkey" in caught.value.hint


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_makes_keys_checks_signatures_and_names_keys_alike(tmp_path):
    def openssl(*argv: str) -> bytes:
        done = subprocess.run(["openssl", *argv], cwd=tmp_path, capture_output=True, check=False, timeout=60)
        if b"ed25519" in done.stderr.lower() or b"unknown option" in done.stderr.lower():
            pytest.skip("this openssl knows no ed25519")
        assert done.returncode == 0, done.stderr
        return done.stdout

    openssl("genpkey", "-algorithm", "ed25519", "-out", "signing.pem")
    openssl("pkey", "-in", "signing.pem", "-pubout", "-out", "public.pem")
    key = read_signer(Secret(f"file:{tmp_path}/signing.pem"))
    export(snapshot(), tmp_path, key)
    assert (tmp_path / "manifest.json.pub").read_bytes() == (tmp_path / "public.pem").read_bytes()
    check = ("pkeyutl", "-verify", "-pubin", "-inkey", "public.pem", "-rawin", "-in", "manifest.json")
    assert b"Verified Successfully" in openssl(*check, "-sigfile", "manifest.json.sig")
    der = openssl("pkey", "-pubin", "-in", "manifest.json.pub", "-outform", "DER")
    assert key_id(key) == f"sha256:{hashlib.sha256(der).hexdigest()}"
    assert verify_manifest(tmp_path, read_public(tmp_path / "public.pem")).problems == []
