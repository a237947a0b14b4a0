"""Fragments become filters that match exactly what they name, however they are split."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from monitor.model.chain import RawLog
from monitor.sync.fragment import (
    TRANSFER,
    LogFilter,
    contract_fragment,
    events_fragment,
    filters,
    halves,
    matches,
    native_fragment,
    transfers_fragment,
)

ADDRESSES = [bytes([number]) * 20 for number in range(4)]
WORDS = [TRANSFER, *(address.rjust(32, b"\0") for address in ADDRESSES)]
LOGS = st.builds(
    lambda address, topics: RawLog(1, b"h" * 32, b"x" * 32, 0, 0, address, tuple(topics), b""),
    st.sampled_from(ADDRESSES),
    st.lists(st.sampled_from(WORDS), max_size=4),
)


@given(LOGS)
def test_contract_filter_takes_every_log_of_its_contracts(log):
    (wanted,) = filters([contract_fragment(ADDRESSES[0]), contract_fragment(ADDRESSES[1])])
    assert matches(wanted, log) == (log.address in ADDRESSES[:2])


@given(LOGS)
def test_transfer_filters_take_both_directions(log):
    fragments = [transfers_fragment(wallet, ADDRESSES[2:]) for wallet in ADDRESSES[:2]]
    words = WORDS[1:3]
    expected = (
        log.address in ADDRESSES[2:]
        and log.topics[:1] == (TRANSFER,)
        and ((len(log.topics) > 1 and log.topics[1] in words) or (len(log.topics) > 2 and log.topics[2] in words))
    )
    assert any(matches(wanted, log) for wanted in filters(fragments)) == expected


@given(LOGS, st.sampled_from([b"", ADDRESSES[1]]), st.sampled_from([None, (WORDS[1],), (WORDS[1], WORDS[2])]))
def test_events_are_asked_for_by_topics_of_one_contract_or_of_any(log, address, words):
    topics = ((TRANSFER, WORDS[3]), words, (WORDS[2],))
    (wanted,) = filters([events_fragment(address, topics)])
    expected = (
        len(log.topics) > 2
        and log.topics[0] in topics[0]
        and (words is None or log.topics[1] in words)
        and log.topics[2] == WORDS[2]
        and log.address in ([address] if address else ADDRESSES)
    )
    assert matches(wanted, log) == expected


def test_the_key_of_events_names_their_filter():
    one = events_fragment(b"", ((TRANSFER,), None, (WORDS[1],)))
    assert one.key.startswith("events:")
    assert one.key.endswith(":any")
    others = [
        events_fragment(ADDRESSES[1], one.topics),
        events_fragment(b"", ((TRANSFER,), (WORDS[1],))),
        events_fragment(b"", ((TRANSFER,), None, (WORDS[2],))),
    ]
    assert len({one.key, *(item.key for item in others)}) == 4
    with pytest.raises(ValueError, match="topic0"):
        events_fragment(b"", (None, (TRANSFER,)))


@given(
    LOGS,
    st.builds(
        LogFilter,
        st.lists(st.sampled_from(ADDRESSES), unique=True).map(tuple),
        st.lists(st.none() | st.lists(st.sampled_from(WORDS), min_size=1, unique=True).map(tuple), max_size=3).map(
            tuple
        ),
    ),
)
def test_halves_ask_for_the_same(log, wanted):
    parts = halves(wanted)
    if parts is None:
        assert len(wanted.addresses) <= 1
        assert all(words is None or len(words) == 1 for words in wanted.topics)
    else:
        assert any(matches(part, log) for part in parts) == matches(wanted, log)


def test_keys():
    assert contract_fragment(b"\x01" * 20).key == "logs:" + "01" * 20
    assert native_fragment(b"\x01" * 20).key == "native:" + "01" * 20
    one = transfers_fragment(b"\x01" * 20, [b"a" * 20, b"b" * 20])
    assert one == transfers_fragment(b"\x01" * 20, [b"b" * 20, b"a" * 20, b"b" * 20])
    assert one.key != transfers_fragment(b"\x01" * 20, [b"a" * 20]).key
    assert one.key.startswith("erc20:")
    assert one.key.endswith(":" + "01" * 20)
    assert filters([native_fragment(b"\x01" * 20)]) == ()
