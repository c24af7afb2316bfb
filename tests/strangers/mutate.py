"""Spoil files in many ways, each a pure function of a seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

SHORT = 4096
"""Files of fewer bytes are cut short at every offset."""
_EXTREMES = (
    "0 -1 1 2 255 256 65536 2147483647 2147483648 4294967296 9223372036854775807 -9223372036854775808 18446744073709551616 1e9 "
    "1e308 -1e308 1e999 -1e999 1e-320 NaN Infinity -Infinity 0.5 -0.0 99999999999999999999999999999999 00 1. 0x10 1e 99 59 60"
)
NUMBERS = _EXTREMES.split()
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 2**64, 1e9, 1e300, -1e300, 0.5, 1e-300),
    *(
        "",
        "x",
        "x" * 5000,
        "../../x",
        "/etc/passwd",
        "a\0b",
        "\u202e",
        "NaN",
        "1",
        "__import__('os')",
        "\ud800",
        "film\n",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        {"": None},
        [0] * 500,
        {"OTIO_SCHEMA": "Clip.2"},
        {"OTIO_SCHEMA": "os.system.1"},
        {"schema": 1},
    ),
)
TOKENS = (
    b"\0",
    b"\xff",
    b"\xfe\xff",
    b"{",
    b"}",
    b"[" * 300,
    b'"',
    b"\\",
    b"\n",
    b"\r\n",
    b",",
    b":",
    b";",
    b"../",
    b"PK\x03\x04",
    b"\x80\x04",
    b"!!python/object",
    b"&a *a ",
    b"\xe2\x80\xa8",
)

Spoil = Callable[[bytes, Random], bytes]


def mutated(seeds: Sequence[bytes], random: Random, *ways: Spoil) -> bytes:
    """Spoil one of some good files, in one to three ways; `ways` know the files' kind."""
    data = random.choice(seeds)
    for _ in range(random.choice((1, 1, 2, 3))):
        way = random.choice((*_WAYS, *ways, *ways, *ways))
        data = _spliced(data, random.choice(seeds), random) if way is _spliced else way(data, random)
    return data


def cuts_of(data: bytes) -> range:
    """Return where to cut a file short: at every offset, a large one at some."""
    return range(0, len(data), max(1, len(data) // SHORT))


def json_changed(data: bytes, random: Random) -> bytes:
    """Put something else in the place of one value of a JSON text, or take it out, or give it a second name."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError):
        return data
    return json.dumps(changed(whole, random)).encode()


def changed(whole: Any, random: Random) -> Any:
    """Change a value of JSON at one place."""
    places = list(_places(whole))
    if not places:
        return random.choice(VALUES)
    holder, key = random.choice(places)
    way = random.randrange(5)
    if way == 0:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[random.choice(("", "schema", "more", "x" * 3000, "../x"))] = holder[key]
    elif way == 2:
        other, name = random.choice(places)
        holder[key] = json.loads(json.dumps(other.get(name) if isinstance(other, dict) else other[name]))
    elif way == 3 and isinstance(holder, list):
        holder += [json.loads(json.dumps(holder[key]))] * random.choice((1, 30))
    else:
        holder[key] = random.choice(VALUES)
    return whole


def name_twice(data: bytes, random: Random) -> bytes:
    """Let a JSON object have one of its names twice."""
    names = list(re.finditer(rb'"[\w.]{1,40}":', data))
    if not names:
        return data
    name = random.choice(names)
    return data[: name.start()] + name[0] + random.choice((b"0", b"null", b'"x"')) + b"," + data[name.start() :]


def lines_changed(data: bytes, random: Random) -> bytes:
    """Repeat, swap, take out or double the words of lines."""
    lines = data.split(b"\n")
    place, other = random.randrange(len(lines)), random.randrange(len(lines))
    way = random.randrange(5)
    if way == 0:
        lines.insert(place, lines[other])
    elif way == 1:
        lines[place], lines[other] = lines[other], lines[place]
    elif way == 2:
        del lines[place]
    elif way == 3:
        lines[place] = b" ".join(random.sample(words := lines[place].split(b" "), len(words)))
    else:
        lines[place] = lines[place].replace(b" ", b" " * random.choice((2, 400)))
    return b"\n".join(lines)


def json_line_changed(data: bytes, random: Random) -> bytes:
    """Change the JSON of one line."""
    lines = data.split(b"\n")
    place = random.randrange(len(lines))
    lines[place] = random.choice((json_changed, name_twice))(lines[place], random)
    return b"\n".join(lines)


def _places(value: Any) -> Any:
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _flipped(data: bytes, random: Random) -> bytes:
    spoilt = bytearray(data)
    for _ in range(random.choice((1, 1, 4, 64)) if spoilt else 0):
        spoilt[random.randrange(len(spoilt))] ^= 1 << random.randrange(8)
    return bytes(spoilt)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _inserted(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data) + 1)
    return (
        data[:place] + random.choice((random.randbytes(random.randrange(1, 20)), random.choice(TOKENS))) + data[place:]
    )


def _removed(data: bytes, random: Random) -> bytes:
    place = random.randrange(len(data) + 1)
    return data[:place] + data[place + random.choice((1, 2, 8, 200)) :]


def _doubled(data: bytes, random: Random) -> bytes:
    first, last = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:last] + data[first : first + 100_000] + data[last:]


def _numbers(data: bytes, random: Random) -> bytes:
    found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data[:200_000]))
    if not found:
        return data
    number = random.choice(found)
    return data[: number.start()] + random.choice(NUMBERS).encode() + data[number.end() :]


def _spliced(data: bytes, other: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]


_WAYS: tuple[Any, ...] = (_flipped, _cut, _inserted, _removed, _doubled, _numbers, _numbers, _spliced)
