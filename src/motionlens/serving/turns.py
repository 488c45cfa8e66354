"""Turns at something that only a few can do at a time."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets a few in at a time. Those who wait are asked by address, one of each after the other.

    So a client who sends much waits for itself, and one who sends little waits for few.

    Args:
        count: how many have their turn at the same time.
    """

    def __init__(self, count: int) -> None:
        self._free = count
        # In the order in which addresses are asked.
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn, which ends with the block."""
        if self._free:
            self._free -= 1
        else:
            place = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(address, deque()).append(place)
            try:
                await place
            except asyncio.CancelledError:
                if not place.cancelled():  # it was given just before
                    self._pass_on()
                raise
        try:
            yield
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            address = next(iter(self._waiting))
            places = self._waiting.pop(address)
            place = places.popleft()
            if places:
                self._waiting[address] = places
            if not place.done():  # who has left needs no turn
                place.set_result(None)
                return
        self._free += 1
