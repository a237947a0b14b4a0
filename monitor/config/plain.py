"""What is wrong with a value of a TOML file, in words of TOML: pydantic speaks of valid integers and dictionaries."""

from __future__ import annotations

__all__ = ["plain"]

_SAID = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    **dict.fromkeys(("string_type", "string_sub_type"), "must be text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("list_type", "tuple_type"), "must be a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be a table"),
}


def plain(kind: str, message: str) -> str:
    """Say what pydantic found, by the `type` and `msg` of its error."""
    return _SAID.get(kind) or message.removeprefix("Value error, ").replace("Input should", "must", 1)
