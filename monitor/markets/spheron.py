"""Read the resource texts that markets put on chain: Spheron's compressed orders and Akash's attribute grammar.

Sources: `compressOrderSpec` and `decompressProviderSpec` in spheronFdn/protocol-sdk, nodejs/src/utils/spec.ts at
2099397; GPU attributes `vendor/nvidia/model/h100[/ram/80Gi][/interface/sxm]` as in Akash's chain-sdk. Anyone may write
such a text: everything here is bounded and answers None instead of failing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from monitor.model.nesting import too_deep

__all__ = ["Resources", "gpu_of", "json_of", "parse_spec", "resources_of"]

MAX_TEXT = 65_536
MAX_DEPTH = 16
MAX_NODES = 10_000
MAX_COUNT = 1_000_000
"""More GPUs than that in one order is not a count."""
_STOPS = frozenset(",{}[]")


class Resources(NamedTuple):
    """What a lease asks for; `gpu_count` is units times replicas over all services, `region` as requested."""

    name: str | None = None
    gpu_model: str | None = None
    gpu_units: int | None = None
    replicas: int | None = None
    gpu_count: int | None = None
    region: str | None = None


def json_of(text: str | bytes) -> Any:
    """Parse JSON of bounded size and depth; None when it is not JSON."""
    if len(text) > MAX_TEXT or too_deep(text):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def parse_spec(text: str) -> Any:
    """Parse a spec, JSON or compressed, into dicts, lists and text; None when it is neither."""
    if len(text) > MAX_TEXT:
        return None
    found = json_of(text)
    if isinstance(found, dict):
        return found
    try:
        reader = _Compressed(text)
        found = reader.value(0)
        return found if reader.at == len(text) else None
    except (IndexError, ValueError):
        return None


def resources_of(text: str) -> Resources:
    """Read name, GPUs and region of an order's or provider's spec; fields it does not have are None."""
    spec = parse_spec(text)
    if not isinstance(spec, dict):
        return Resources()
    placement = _get(spec, "PlacementsRequirement", "pr")
    region = _text(_attribute(_get(placement, "Attributes", "a"), "region")) or _text(_get(spec, "Region", "r"))
    models: list[str] = []
    units = replicas = count = 0
    for service in _items(_get(spec, "Services", "s")):
        gpu = _get(_get(service, "Resources", "r"), "GPU", "g")
        per_replica = _count(_get(gpu, "Units", "u"))
        if not per_replica:
            continue
        copies = _count(_get(service, "ReplicaCount", "c"))
        models += [model for model in _gpu_models(_get(gpu, "Attributes", "a")) if model not in models]
        units, replicas = units + per_replica, replicas + (1 if copies is None else copies)
        count += per_replica * (1 if copies is None else copies)
    name = _text(_get(spec, "Name", "n"))
    if not count or count > MAX_COUNT:
        return Resources(name, ", ".join(models) or None, region=region)
    return Resources(name, ", ".join(models) or None, units, replicas, count, region)


def gpu_of(attributes: Iterable[Any]) -> tuple[str | None, str | None]:
    """Read (GPU model, region) of attributes: mappings with key and value, by their long, short or lower-case names."""
    held = list(attributes)
    return ", ".join(dict.fromkeys(_gpu_models(held))) or None, _text(_attribute(held, "region"))


def _gpu_models(attributes: Any) -> Iterator[str]:
    for key, value in _pairs(attributes):
        parts = key.split("/")
        if str(value).lower() == "false" or "model" not in parts[2:3]:
            continue
        named = dict(zip(parts[2::2], parts[3::2], strict=False))
        model = " ".join(named[part] for part in ("model", "ram", "interface") if named.get(part))
        if model:
            yield parts[1] if model == "*" else model


def _pairs(attributes: Any) -> Iterator[tuple[str, Any]]:
    for item in _items(attributes):
        key = _text(_get(item, "Key", "k", "key"))
        if key:
            yield key, _get(item, "Value", "v", "value")


def _attribute(attributes: Any, name: str) -> Any:
    return next((value for key, value in _pairs(attributes) if key == name), None)


def _get(value: Any, *names: str) -> Any:
    return next((value[name] for name in names if name in value), None) if isinstance(value, dict) else None


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(MAX_COUNT)):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT else None


class _Compressed:
    """A cursor over `{n:name,s:[{r:{g:{u:8}},c:1}]}`: JSON without quotes, whose texts end at a bracket or comma."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.nodes = 0

    def value(self, depth: int) -> Any:
        """Take an object, a list or a text."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            message = "too deep or too many values"
            raise ValueError(message)
        if self.text[self.at] == "{":
            return self._object(depth)
        if self.text[self.at] == "[":
            return self._list(depth)
        return self._until(_STOPS)

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self.at += 1
        while self.text[self.at] != "}":
            key = self._until(_STOPS | {":"})
            self._take(":")
            found.setdefault(key, self.value(depth + 1))
            if self.text[self.at] != "}":
                self._take(",")
        self.at += 1
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self.at += 1
        while self.text[self.at] != "]":
            found.append(self.value(depth + 1))
            if self.text[self.at] != "]":
                self._take(",")
        self.at += 1
        return found

    def _until(self, stops: frozenset[str]) -> str:
        start = self.at
        while self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]

    def _take(self, sign: str) -> None:
        if self.text[self.at] != sign:
            message = f"expected {sign}"
            raise ValueError(message)
        self.at += 1
