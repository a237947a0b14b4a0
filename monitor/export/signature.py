"""Detached ed25519 signatures of a manifest, in the forms that openssl reads, so that checking one needs no monitor.

Beside `manifest.json` stand `manifest.json.sig`, the 64 bytes of the signature over the manifest's bytes (RFC 8032),
and `manifest.json.pub`, the key to check it with (RFC 8410, PEM). ed25519 draws no random numbers: the same manifest
and key give the same signature. A key that came with an export proves only that one hand made both; whose hand, a
pinned key does.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from Crypto.Signature import eddsa

from monitor.config import Secret
from monitor.errors import ConfigError, InputError

if TYPE_CHECKING:
    from Crypto.PublicKey.ECC import EccKey

__all__ = [
    "FILES",
    "MAX_KEY_BYTES",
    "PUBLIC_KEY",
    "SIGNATURE",
    "Signed",
    "check",
    "key_id",
    "read_public",
    "read_signer",
    "sign",
]

SIGNATURE = "manifest.json.sig"
PUBLIC_KEY = "manifest.json.pub"
FILES = (SIGNATURE, PUBLIC_KEY)
MAX_KEY_BYTES = 4096
_PUBLIC_DER = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 bytes of a public key (RFC 8410, section 4)."""
_PRIVATE_DER = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a private key (RFC 8410, section 7)."""
_MAKE = "`openssl genpkey -algorithm ed25519 -out signing.pem` makes one"


class Signed(NamedTuple):
    """What a signature tells: `problems`, one line each, or else `words` about who signed."""

    problems: list[str]
    words: str = ""


def read_signer(reference: Secret) -> EccKey:
    """Read the private key that a configuration points to; raises ConfigError without a word of what it read."""
    raw = _unwrapped(reference.reveal(), "PRIVATE KEY", _PRIVATE_DER)
    if raw is None:
        message = f"export.signing_key: {reference} holds no ed25519 private key in PEM without a passphrase"
        raise ConfigError(message, hint=_MAKE)
    return eddsa.import_private_key(raw)


def read_public(path: Path) -> EccKey:
    """Read a public key in PEM from a file; raises InputError when it is none."""
    try:
        with path.open("rb") as file:
            key = _public(file.read(MAX_KEY_BYTES))
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise InputError(message, hint="name the file with the maker's public key") from error
    if key is None:
        message = f"{path} holds no ed25519 public key in PEM"
        raise InputError(message, hint="`openssl pkey -in signing.pem -pubout` writes it")
    return key


def sign(key: EccKey, manifest: bytes) -> dict[str, bytes]:
    """Sign a manifest's bytes; returns the files to lay beside it."""
    return {
        SIGNATURE: eddsa.new(key, "rfc8032").sign(manifest),
        PUBLIC_KEY: f"{key.public_key().export_key(format='PEM')}\n".encode(),
    }


def key_id(key: EccKey) -> str:
    """Name a key: SHA-256 of its public half in DER, as `openssl pkey -pubin -outform DER | sha256sum` tells it."""
    return f"sha256:{hashlib.sha256(key.public_key().export_key(format='DER')).hexdigest()}"


def check(read: Callable[[str], bytes | None], manifest: bytes, pinned: EccKey | None) -> Signed:
    """Check the signature beside a manifest; `read` gives a file's first bytes, None where it is missing.

    Without a `pinned` key an unsigned manifest is no problem, and a signed one counts for the key that came with it.
    """
    signature, public = read(SIGNATURE), read(PUBLIC_KEY)
    if signature is None:
        return _unsigned(public, pinned)
    key = pinned if public is None else _public(public)
    if key is None:
        return Signed([f"{PUBLIC_KEY}: {'missing' if public is None else 'no ed25519 public key in PEM'}"])
    if pinned is not None and key_id(key) != key_id(pinned):
        return Signed([f"{PUBLIC_KEY}: the key is {key_id(key)}, asked for was {key_id(pinned)}"])
    try:
        eddsa.new(key, "rfc8032").verify(manifest, signature)
    except ValueError:
        return Signed([f"{SIGNATURE}: no signature of this manifest by {key_id(key)}: one of them was changed"])
    whose = "a key that came with it: --key says whose it must be" if pinned is None else "the key that was asked for"
    return Signed([], f"signed by {key_id(key)}, {whose}")


def _unsigned(public: bytes | None, pinned: EccKey | None) -> Signed:
    if public is not None:
        return Signed([f"{SIGNATURE}: missing, although {PUBLIC_KEY} is there"])
    if pinned is not None:
        return Signed([f"{SIGNATURE}: missing: the manifest is not signed, and a key was asked for"])
    return Signed([], "not signed")


def _public(pem: bytes) -> EccKey | None:
    raw = _unwrapped(pem.decode("ascii", "replace"), "PUBLIC KEY", _PUBLIC_DER)
    try:
        return None if raw is None else eddsa.import_public_key(raw)
    except ValueError:
        return None


def _unwrapped(pem: str, what: str, prefix: bytes) -> bytes | None:
    """Take the 32 bytes out of a PEM of exactly this form: no general parser sees bytes from strangers."""
    found = re.fullmatch(
        rf"-----BEGIN {what}-----\s+([A-Za-z0-9+/]{{40,80}}={{0,2}})\s+-----END {what}-----", pem.strip()
    )
    try:
        der = base64.b64decode(found[1], validate=True) if found else b""
    except binascii.Error:
        return None
    return der[len(prefix) :] if der.startswith(prefix) and len(der) == len(prefix) + 32 else None
