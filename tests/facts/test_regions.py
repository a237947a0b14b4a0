import pytest

from monitor.facts.regions import country


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("DE", "DE"), ("de", "DE"), (" Germany ", "DE"), ("us-east-1", "US"), ("eu-central-1", "DE"),
        ("ap-south-1", "IN"), ("asia-east2", "HK"), ("europe-west4", "NL"), ("westus2", "US"), ("us-central", "US"),
        ("de-west-2", "DE"), ("gb-lon-1", "GB"), ("Frankfurt, Germany", "DE"), ("SOUTH   KOREA", "KR"),
    ],
)  # fmt: skip
def test_declared_text_that_names_a_country(text, code):
    assert country(text) == code


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "westcoast",
        "eu-west",
        "ap-somewhere",
        "Portland, ME",
        "us-tx-1",
        "xx",
        "EU",
        "H100",
        "u" * 65,
        "me-north",
    ],
)
def test_text_that_names_none_is_not_guessed(text):
    assert country(text) is None
