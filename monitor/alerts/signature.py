"""Sign a message as Standard Webhooks asks: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

from monitor.errors import ConfigError

__all__ = ["PREFIX", "headers", "new_secret", "webhook"]

PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
"""Standard Webhooks specification, "Signature scheme": a secret holds 24 to 64 random bytes."""


def new_secret(entropy: bytes) -> str:
    """Write 24 to 64 random bytes as a signing secret (`whsec_…`); raises ConfigError on another number."""
    secret = PREFIX + base64.b64encode(entropy).decode()
    webhook(secret)
    return secret


def webhook(secret: str) -> Webhook:
    """Make the library's signer; raises ConfigError, without showing the secret, when it is none."""
    try:
        # The library skips letters that are not base64 and so would sign with a key nobody meant.
        key = base64.b64decode(secret.removeprefix(PREFIX) + "==", validate=False)
        canonical = base64.b64encode(key).decode().rstrip("=")
    except (binascii.Error, ValueError):
        key, canonical = b"", ""
    body = secret.removeprefix(PREFIX).rstrip("=")
    if not secret.startswith(PREFIX) or canonical != body or not _LEAST_BYTES <= len(key) <= _MOST_BYTES:
        message = "a webhook secret must be whsec_ followed by the base64 of 24 to 64 bytes"
        raise ConfigError(message, hint="make one with: echo whsec_$(openssl rand -base64 32)")
    return Webhook(key)


def headers(alert_id: str, at: int, body: bytes, secrets: Sequence[str]) -> dict[str, str]:
    """Sign `body` at wall-clock second `at` with every secret, newest first, space-separated (rotation)."""
    moment = datetime.fromtimestamp(at, UTC)
    text = body.decode()
    signatures = [webhook(secret).sign(alert_id, moment, text) for secret in secrets]
    return {
        "webhook-id": alert_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }
