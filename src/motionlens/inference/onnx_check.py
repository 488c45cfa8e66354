"""What an .onnx file may not hold, found without the package onnx: predicting needs none."""

from collections.abc import Iterator
from pathlib import Path

# Of protobuf: how a field's value is stored.
_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
# Messages of onnx.proto3 that lead to tensors and graphs: number of a field to its message.
_FIELDS = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 10: "tensor", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
# Fields that must not be there, and what they are.
_REFUSED = {
    ("attribute", 6): "a loop or a branch",
    ("attribute", 11): "a loop or a branch",
    ("tensor", 13): "weights in another file",
    ("tensor", 14): "weights in another file",
}


def check_onnx(path: Path) -> None:
    """Refuse graphs within graphs, and weights that lie in other files; no export has any.

    A loop may go on for ever, in a library that nothing can stop.

    Raises:
        ValueError: If the file holds such, or is no ONNX file.
    """
    found: list[tuple[str, memoryview]] = [("model", memoryview(path.read_bytes()))]
    while found:
        message, content = found.pop()
        for number, value in _fields(path, content):
            if (what := _REFUSED.get((message, number))) and value != 0:
                raise ValueError(f"{path} holds {what}, no export does; export the run again")
            inner = _FIELDS.get(message, {}).get(number)
            if inner is not None and isinstance(value, memoryview):
                found.append((inner, value))


def _fields(path: Path, content: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """Number and value of each field of a message; 0 for numbers that are no integers."""
    place = 0
    while place < len(content):
        key, place = _varint(path, content, place)
        kind, value, size = key & 7, 0, 0
        if kind == _VARINT:
            value, place = _varint(path, content, place)
        elif kind == _BYTES:
            size, place = _varint(path, content, place)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _damaged(path)
        if place + size > len(content):
            raise _damaged(path)
        yield key >> 3, content[place : place + size] if kind == _BYTES else value
        place += size


def _varint(path: Path, content: memoryview, place: int) -> tuple[int, int]:
    """A whole number of 7 bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(content):
            break
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise _damaged(path)


def _damaged(path: Path) -> ValueError:
    return ValueError(f"{path} is no ONNX file or is damaged: it is not protobuf; export it again")
