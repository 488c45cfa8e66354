"""Good bytes, texts and values -> such as nobody would write. All chance comes from one ``Random``.

What is known of a layout is used: boxes of MP4, chunks of RIFF and PNG, fields that hold a length,
members of a JSON object. Random bytes alone would be refused by their first four.
"""

import json
import struct
import zlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

# Larger inputs take longer and show nothing else.
MAX_BYTES = 200_000
_EDGES = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1,
          2**64 - 1)  # fmt: skip
_CONTAINERS = frozenset(b"moov trak mdia minf stbl edts dinf udta moof traf mvex meta".split())
_BOX_KINDS = (
    b"ftyp moov mvhd trak tkhd mdia mdhd hdlr minf stbl stsd stts ctts stss stsc stsz stco co64 "
    b"edts elst dinf dref mvex trex moof traf tfhd trun tfdt mdat free udta meta sidx cmov rmra "
    b"rmda rdrf avcC hvcC av01 pasp colr clap uuid"
).split()
# Words that mean something to some reader of text.
WORDS = (
    "", " ", "\t", "\n", "\r", "\r\n", "\0", "\x1b[2J", "\x1b]0;x\x07", "\u202e", "\ufeff",
    "\ud800",
    '"', "'", "`", ",", ";", "|", "#", "=", ":", "-", "- ", "[", "]", "{", "}", "<", "%s",
    "%n", "{}",
    "\\", "/", "../", "..", ".", "~", "*", "?", "&a", "*a", "!!python/object:os.system",
    "<<: ", "?:",
    "sep=;", "path", "label", "start", "end", "nan", "NaN", "inf", "-inf", "Infinity", "null",
    "None",
    "true", "no", "0", "-1", "1", "1e999", "-1e999", "1e-400", "0.1", "9" * 30, "9" * 5000, "1_000",
    "0x10", "1:02.5", "99:99:99", "²", "٣", "é", "e\u0301", "😀", "=cmd()", "2001-01-01", "1e3",
    "/etc/passwd", "/dev/zero", "../canary.mp4", "file:///etc/passwd", "http://127.0.0.1:@PORT@/",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 3, 1000, 10**6, 10**9, 2**31, 2**63, 10**30, -(10**9),
    0.0, -0.0,
    0.5, 1e-300, 1e30, 1e308, float("inf"), float("-inf"), float("nan"), "", "x", "0", "nan",
    "whole",
    "\n", "\x1b[2J", "\ud800", "é", "x" * 10_000, [], [[]], [0], [1, 2], [None], {}, {"": 0},
    {"a": {}},
    ["a", "a"], [1] * 1000, [[1] * 10] * 10, "/etc/passwd",
)  # fmt: skip


def mutated(rng: Random, data: bytes, others: Sequence[bytes], *, most: int = 4) -> bytes:
    """Bytes changed in up to ``most`` ways, each drawn from all that are known."""
    for _ in range(rng.randint(1, most)):
        data = rng.choice(_WAYS)(rng, data, rng.choice(others))[:MAX_BYTES]
    return data


def _place(rng: Random, data: bytes) -> int:
    """Mostly near the beginning, where headers are."""
    most = len(data) if rng.random() < 0.6 else min(len(data), 600)
    return rng.randrange(most) if most else 0


def _flip(rng: Random, data: bytes, _: bytes) -> bytes:
    content = bytearray(data)
    for _number in range(rng.choice((1, 1, 1, 2, 4, 16, 64))):
        if content:
            content[_place(rng, data)] ^= 1 << rng.randrange(8)
    return bytes(content)


def _overwrite(rng: Random, data: bytes, _: bytes) -> bytes:
    first, length = _place(rng, data), rng.choice((1, 2, 4, 8, 64, 1000))
    fill = rng.choice((b"\0" * length, b"\xff" * length, rng.randbytes(length)))
    return data[:first] + fill + data[first + length :]


def _cut(rng: Random, data: bytes, _: bytes) -> bytes:
    return data[: rng.randint(0, len(data))]


def _remove(rng: Random, data: bytes, _: bytes) -> bytes:
    first = _place(rng, data)
    return data[:first] + data[first + rng.choice((1, 4, 8, 100, 2000)) :]


def _repeat(rng: Random, data: bytes, _: bytes) -> bytes:
    first, length = _place(rng, data), rng.choice((1, 4, 8, 16, 100, 2000))
    times = rng.choice((1, 2, 10, 1000, 20_000))
    part = data[first : first + length]
    return data[:first] + part * min(times, MAX_BYTES // max(len(part), 1)) + data[first:]


def _insert(rng: Random, data: bytes, _: bytes) -> bytes:
    first = _place(rng, data)
    return data[:first] + rng.randbytes(rng.choice((1, 4, 8, 100))) + data[first:]


def _exchange(rng: Random, data: bytes, _: bytes) -> bytes:
    a, b, c = sorted(_place(rng, data) for _number in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    first = _place(rng, data)
    return data[:first] + other[_place(rng, other) if rng.random() < 0.5 else first :]


def _field(rng: Random, data: bytes, _: bytes) -> bytes:
    """A number of 2, 4 or 8 bytes becomes one at the edge of what it holds, or a little other."""
    size = rng.choice((2, 4, 4, 4, 8))
    if len(data) < size:
        return data
    order = rng.choice(("big", "little"))
    places = [rng.randrange(len(data) - size + 1) for _number in range(24)]
    # One that could be a length is worth more than others.
    places.sort(key=lambda p: not 0 < int.from_bytes(data[p : p + size], order) <= len(data))
    first = places[0] if rng.random() < 0.7 else min(_place(rng, data), len(data) - size)
    number = int.from_bytes(data[first : first + size], order)
    changed = rng.choice(
        (*_EDGES, number + 1, number - 1, number * 2, len(data), len(data) - first)
    )
    field = (changed % 256**size).to_bytes(size, order)
    return data[:first] + field + data[first + size :]


def boxes(data: bytes, first: int = 0, end: int | None = None) -> list[tuple[int, int, bytes]]:
    """First byte, end and kind of each box of an MP4, those inside of others included."""
    found: list[tuple[int, int, bytes]] = []
    end = len(data) if end is None else end
    while first + 8 <= end and len(found) < 500:
        size, kind = struct.unpack(">I4s", data[first : first + 8])
        stop = end if size < 8 else min(first + size, end)
        found.append((first, stop, kind))
        if kind in _CONTAINERS:
            found += boxes(data, first + 8, stop)
        first = stop
    return found


def _box(rng: Random, data: bytes, other: bytes) -> bytes:
    """A box is removed, doubled, renamed, nested, exchanged, or has another size or content."""
    found = boxes(data)
    if data[4:8] != b"ftyp" or not found:
        return _field(rng, data, other)
    first, end, kind = rng.choice(found)
    box = data[first:end]
    way = rng.randrange(8)
    if way == 0:
        box = b""
    elif way == 1:
        box *= rng.choice((2, 3, 100))
    elif way == 2:
        box = box[:4] + rng.choice(_BOX_KINDS) + box[8:]
    elif way == 3:
        box = struct.pack(">I", rng.choice(_EDGES) % 2**32) + box[4:]
    elif way == 4:  # inside of itself, many times
        for _number in range(rng.choice((1, 5, 200))):
            box = struct.pack(">I4s", (len(box) + 8) % 2**32, rng.choice((kind, b"moov"))) + box
    elif way == 5:
        same = [(a, b) for a, b, name in boxes(other) if name == kind]
        box = other[slice(*rng.choice(same))] if same else box
    elif way == 6 and len(box) >= 16:  # a table that names one entry again and again
        entry, times = box[-rng.choice((4, 8, 12)) :], rng.choice((10, 1000, 10_000))
        count = struct.pack(">I", rng.choice((times, times * 500, 2**31)))
        box = box[:12] + count + box[16:] + entry * times
        box = struct.pack(">I", len(box) % 2**32) + box[4:]
    elif len(box) >= 12:
        place = 8 + 4 * rng.randrange((len(box) - 8) // 4)
        box = box[:place] + struct.pack(">I", rng.choice(_EDGES) % 2**32) + box[place + 4 :]
    return data[:first] + box + data[end:]


def _chunk(rng: Random, data: bytes, other: bytes) -> bytes:
    """A chunk of a PNG or a RIFF is changed, and its sum and size are right again."""
    is_png = data.startswith(b"\x89PNG")
    if not is_png and not data.startswith(b"RIFF"):
        return _field(rng, data, other)
    first, chunks = (8, []) if is_png else (12, [])
    while first + 8 <= len(data) and len(chunks) < 1000:
        if is_png:
            size, name = struct.unpack(">I4s", data[first : first + 8])
        else:
            name, size = struct.unpack("<4sI", data[first : first + 8])
        chunks.append((name, data[first + 8 : first + 8 + size]))
        first += 8 + size + (4 if is_png else size % 2)
    if not chunks:
        return data
    place = rng.randrange(len(chunks))
    name, content = chunks[place]
    way = rng.randrange(5)
    if way == 0:
        del chunks[place]
    elif way == 1:
        chunks[place:place] = [(name, content)] * rng.choice((1, 2, 500))
    elif way == 2:
        chunks.insert(rng.randrange(len(chunks)), chunks.pop(place))
    else:
        chunks[place] = (name, (_field if way == 3 else _flip)(rng, content, other))
    parts = [data[: 8 if is_png else 12]]
    for name, content in chunks:
        if is_png:
            sum_ = zlib.crc32(name + content)
            parts.append(
                struct.pack(">I4s", len(content), name) + content + struct.pack(">I", sum_)
            )
        else:
            parts.append(
                name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)
            )
    return b"".join(parts)


_Way = Callable[[Random, bytes, bytes], bytes]
_WAYS: tuple[_Way, ...] = (
    _flip, _flip, _overwrite, _cut, _remove, _repeat, _insert, _exchange, _splice, _field, _field,
    _box, _box, _chunk,
)  # fmt: skip


def mutated_text(rng: Random, text: str, *, most: int = 4) -> str:
    """A text with words, lines or characters removed, doubled, exchanged or put in."""
    for _ in range(rng.randint(1, most)):
        lines = text.splitlines(keepends=True) or [""]
        place = rng.randrange(len(lines))
        way = rng.randrange(9)
        if way == 0:
            del lines[place]
        elif way == 1:
            lines[place:place] = [lines[place]] * rng.choice((1, 3, 500))
        elif way == 2:
            lines.insert(rng.randrange(len(lines)), lines.pop(place))
        elif way == 3:
            lines[place] = lines[place].rstrip("\r\n") * rng.choice((2, 50))
        elif way == 4:
            mark = rng.choice("[{(\"'-")
            lines[place] = mark * rng.choice((1, 30, 5000)) + lines[place]
        else:
            line = lines[place]
            first = rng.randint(0, len(line))
            gone = rng.choice((0, 0, 1, 3, 10))
            word = rng.choice(WORDS) * rng.choice((1, 1, 1, 1, 3))
            if way == 8:
                word = chr(rng.choice((rng.randrange(32), rng.randrange(0x300), 0x2028, 0x10FFFF)))
            lines[place] = line[:first] + word + line[first + gone :]
        text = "".join(lines)[:MAX_BYTES]
    return text


def mutated_value(rng: Random, value: Any, names: Sequence[str] = ()) -> Any:
    """A nested value with one of its members changed, or removed, or one more."""
    if isinstance(value, dict) and value and rng.random() < 0.97:
        changed = dict(value)
        name = rng.choice([*value, *names])
        if rng.random() < 0.15:
            changed.pop(name, None)
        elif rng.random() < 0.1:
            changed[rng.choice([*names, "", "x", "__class__"])] = rng.choice(VALUES)
        else:
            changed[name] = mutated_value(rng, changed.get(name))
        return changed
    if isinstance(value, list) and value and rng.random() < 0.7:
        changed_list = list(value)
        place = rng.randrange(len(value))
        way = rng.randrange(3)
        if way == 0:
            del changed_list[place]
        elif way == 1:
            changed_list.insert(place, rng.choice((value[place], rng.choice(VALUES))))
        else:
            changed_list[place] = mutated_value(rng, value[place])
        return changed_list
    if isinstance(value, int | float) and not isinstance(value, bool) and rng.random() < 0.4:
        return rng.choice((value + 1, value - 1, -value, value * 10, value * 1000, value / 2))
    return rng.choice(VALUES)


def json_text(rng: Random, value: Any) -> str:
    """A value as JSON, sometimes with other spelling than usual, or nested deeply."""
    text = json.dumps(value, ensure_ascii=rng.random() < 0.5)
    if rng.random() < 0.02:
        depth = rng.choice((10, 1000, 100_000))
        text = text[:-1] + ', "x": ' + "[" * depth + "]" * depth + "}"
    return text


def encoded(rng: Random, text: str) -> bytes:
    """A text as UTF-8, or at times as something else."""
    if rng.random() < 0.9:
        return text.encode("utf-8", "surrogatepass" if rng.random() < 0.1 else "replace")
    coding = rng.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "cp1252"))
    return text.encode(coding, "replace")
