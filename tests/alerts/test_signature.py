from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from monitor.alerts.signature import headers, new_secret, webhook
from monitor.errors import ConfigError
from tests.alerts.samples import OLD_SECRET, SECRET


def test_the_header_is_the_librarys_signature_newest_first():
    signed = headers("alert-1", 1_800_000_000, b'{"a":"\xc3\xa9"}', [SECRET, OLD_SECRET])
    moment = datetime.fromtimestamp(1_800_000_000, UTC)
    expected = [Webhook(secret).sign("alert-1", moment, '{"a":"é"}') for secret in (SECRET, OLD_SECRET)]
    assert signed == {
        "webhook-id": "alert-1",
        "webhook-timestamp": "1800000000",
        "webhook-signature": " ".join(expected),
    }
    assert all(signature.startswith("v1,") for signature in expected)


def test_the_example_of_the_specification():
    signed = headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("size", [24, 32, 64])
def test_new_secrets_are_accepted(size):
    secret = new_secret(bytes(range(size)))
    assert secret.startswith("whsec_")
    assert webhook(secret.rstrip("="))


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_not base64 at all, but long enough to pass",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_A",
    ],
)
def test_bad_secrets_are_refused_and_not_shown(secret):
    with pytest.raises(ConfigError) as caught:
        webhook(secret)
    assert len(secret) < 8 or secret not in caught.value.message
    assert "openssl" in caught.value.hint
