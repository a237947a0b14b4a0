"""Event declarations: text becomes a canonical signature, a topic0 and a compiled decoder.

May import `monitor.errors`, eth-hash, eth-abi (the reference and the fallback, in `reference` and `encoding`, loaded
when a value needs it), and in `columnar`, which reads many logs of one event at once, NumPy and polars. Knows nothing
of markets or chains; does no I/O. A payload that cannot be decoded raises `Undecodable`, which the caller turns into
data.
"""

from monitor.abi.compiled import compile_event
from monitor.abi.declaration import Array, Elementary, EventDecl, Param, Tuple, Type, parse_event
from monitor.abi.refusal import Decoder, Undecodable

__all__ = [
    "Array",
    "Decoder",
    "Elementary",
    "EventDecl",
    "Param",
    "Tuple",
    "Type",
    "Undecodable",
    "compile_event",
    "parse_event",
]
