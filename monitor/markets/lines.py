"""Find the line of any value in a TOML text, arrays of tables and items of arrays included."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

__all__ = ["lines_of", "nearest"]

_TOKEN = re.compile(r'"""|\'\'\'|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{},\n]')
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]\n]+?)\s*\]\]?")
_KEY = re.compile(r"\s*((?:[A-Za-z0-9_-]+|\"[^\"\n]*\"|'[^'\n]*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"\n]*\"))*)\s*=")
Path = tuple[str | int, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Map the path of every table, key and array item of valid TOML to its line, counted from 1."""
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    at = line = 0
    source = text.split("\n")
    while at < len(source):
        line = at + 1
        if header := _HEADER.match(source[at]):
            table = _table(header, counts)
            found.setdefault(table, line)
            at += 1
        elif key := _KEY.match(source[at]):
            path = table + _parts(key[1])
            for depth in range(len(table) + 1, len(path) + 1):
                found.setdefault(path[:depth], line)
            at = _value("\n".join(source[at:])[key.end() :], line, path, found)
        else:
            at += 1
    return found


def nearest(lines: Mapping[Path, int], path: Sequence[str | int]) -> int:
    """Give the line of the longest known part of a path; 1 when there is none."""
    return next((lines[key] for end in range(len(path), 0, -1) if (key := tuple(path[:end])) in lines), 1)


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _table(header: re.Match[str], counts: dict[Path, int]) -> Path:
    """Resolve a header's path: names of arrays of tables are followed by the index of their last element."""
    path: Path = ()
    names = _parts(header[2])
    for depth, name in enumerate(names):
        path = (*path, name)
        if header[1] == "[[" and depth == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _value(text: str, line: int, path: Path, found: dict[Path, int]) -> int:
    """Walk over a value, noting the items of an outer array; return the index of the line after it."""
    depth = item = 0
    fresh = False
    position = 0
    while token := _TOKEN.search(text, position):
        between, sign = text[position : token.start()].strip(), token[0]
        if fresh and depth == 1 and (between or sign[0] in "\"'[{"):
            found[*path, item] = line
            fresh = False
        position = token.end()
        if sign in {'"""', "'''"}:
            end = text.find(sign, position)
            line += text.count("\n", position, end)
            position = end + len(sign)
        elif sign == "\n":
            line += 1
            if depth == 0:
                return line - 1
        elif sign in {"[", "{"}:
            depth += 1
            fresh = fresh or (depth == 1 and sign == "[")
        elif sign in {"]", "}"}:
            depth -= 1
        elif sign == "," and depth == 1:
            item, fresh = item + 1, True
    return line
