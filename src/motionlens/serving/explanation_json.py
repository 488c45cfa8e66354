"""An explanation as JSON in small pieces: it can have a hundred thousand proposals."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from motionlens.explain.explanation import Explanation

# Proposals per piece: what the server is kept from other requests for, about a millisecond.
_AT_ONCE = 500


async def explanation_json(
    head: Mapping[str, Any],
    explanation: Explanation,
    top: int | None,
    turn: Callable[[], AbstractAsyncContextManager[None]],
) -> AsyncIterator[str]:
    """The pieces of the JSON; between two of them other requests get their turn.

    Args:
        head: what :meth:`Explanation.without_positions` returns, and further entries.
        explanation: has the positions.
        top: positions per module; None for all.
        turn: a turn at making a piece, in which half of the time is left to others.
    """
    pieces = _pieces(head, explanation, top)
    while True:
        async with turn():
            begin = time.perf_counter()
            piece = next(pieces, None)
            await asyncio.sleep(time.perf_counter() - begin)
        if piece is None:
            return
        yield piece


def _pieces(head: Mapping[str, Any], explanation: Explanation, top: int | None) -> Iterator[str]:
    rest = {name: value for name, value in head.items() if name != "modules"}
    yield _dumps(rest)[:-1] + ',"modules":['
    for number, module in enumerate(head["modules"]):
        yield ("," if number else "") + _dumps(module)[:-1] + ',"positions":['
        separator, some = "", []
        for position in explanation.positions(module["name"], top):
            some.append(position)
            if len(some) * module["k"] >= _AT_ONCE:
                yield separator + _dumps(some)[1:-1]
                separator, some = ",", []
        yield (separator + _dumps(some)[1:-1] if some else "") + "]}"
    yield "]}"


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
