"""Call data written by hand is what eth-abi writes."""

from eth_abi.abi import encode
from hypothesis import given
from hypothesis import strategies as st

from monitor.abi import parse_event
from monitor.markets import reads

_ARGUMENT = st.one_of(
    st.tuples(st.just("uint256"), st.integers(0, 2**256 - 1)),
    st.tuples(st.just("address"), st.binary(min_size=20, max_size=20)),
    st.tuples(st.just("bytes32"), st.binary(min_size=32, max_size=32)),
    st.tuples(st.just("bytes"), st.binary(max_size=70)),
    st.tuples(st.just("string"), st.text(max_size=40)),
    st.tuples(st.just("bool"), st.booleans()),
)


@given(st.lists(_ARGUMENT, max_size=5))
def test_arguments_are_written_as_eth_abi_writes_them(arguments):
    types, values = [kind for kind, _ in arguments], [value for _, value in arguments]
    decl = parse_event(f"F({', '.join(f'{kind} a{place}' for place, kind in enumerate(types))})")
    assert reads._encoded(decl, values) == decl.topic0[:4] + encode(types, values)
