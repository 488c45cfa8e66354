"""Parts of a large file at an address: one request for what lies together, kept in the cache."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from motionlens._utils.addresses import Address
from motionlens._utils.download_cache import DownloadCache
from motionlens._utils.remote_files import Found, StoreError, ask, find

# A request takes as long as some such blocks. Larger ones would bring more that is not asked for.
BLOCK_BYTES = 2**20
_THREADS = 8


class RangeReader:
    """A file at an address that is read here and there.

    A process reads one version of a file for all its life, and stops when it finds another one.

    Args:
        address: of the file.

    Attributes:
        num_bytes: of the file.

    Raises:
        FileNotFoundError: If nothing lies there.
        StoreError: If its store refuses or does not answer; from all methods.
    """

    def __init__(self, address: Address) -> None:
        self._address = str(address)
        self._found = _first_found(self._address, os.getpid())
        self.num_bytes = self._found.size or 0
        self._cache = DownloadCache.of_environment()
        self._blocks: dict[int, bytes] = {}
        self._place = 0

    def fetch(self, spans: Iterable[tuple[int, int]]) -> None:
        """Fetch what will be read: first and last byte of each piece, the last one excluded."""
        numbers = {n for first, end in spans for n in _blocks_of(first, min(end, self.num_bytes))}
        for number in sorted(numbers - self._blocks.keys()):
            if (kept := self._kept(number)) is not None:
                self._blocks[number] = kept
        if runs := list(_runs(sorted(numbers - self._blocks.keys()))):
            with ThreadPoolExecutor(min(len(runs), _THREADS)) as pool:
                list(pool.map(self._fetch_run, runs))
            # What was fetched meanwhile may be of two versions.
            if find(self._address) != self._found:
                raise StoreError(0, "has changed while it was read; start again", self._address)
            for run in runs:
                for number in run:
                    self._keep(number)

    def seek(self, place: int) -> None:
        """Read from this byte on."""
        self._place = place

    def read(self, num_bytes: int) -> bytes:
        """The next bytes; fewer at the end of the file."""
        first, end = self._place, min(self._place + num_bytes, self.num_bytes)
        self.fetch([(first, end)])
        numbers = list(_blocks_of(first, end))
        whole = b"".join(self._blocks[number] for number in numbers)
        self._place = max(first, end)
        skipped = numbers[0] * BLOCK_BYTES if numbers else first
        return whole[first - skipped : end - skipped]

    def close(self) -> None:
        """Forget what was read; the cache keeps it."""
        self._blocks.clear()

    def _fetch_run(self, run: range) -> None:
        first, end = run[0] * BLOCK_BYTES, min((run[-1] + 1) * BLOCK_BYTES, self.num_bytes)

        def get(system: Any, path: str) -> bytes:
            content = bytes(system.cat_file(path, start=first, end=end))
            if len(content) not in (end - first, self.num_bytes):
                raise ConnectionError
            return content

        content = ask(self._address, get)
        if len(content) != end - first:
            raise StoreError(
                0, "its server sends whole files alone; copy it to this machine", self._address
            )
        for number in run:
            start = number * BLOCK_BYTES - first
            self._blocks[number] = content[start : start + BLOCK_BYTES]

    def _key(self, number: int) -> str:
        return f"{self._found.size} {self._found.version} {self._address} {number}"

    def _kept(self, number: int) -> bytes | None:
        file = self._cache.find(self._key(number)) if self._found.version else None
        if file is None:
            return None
        with file:
            return file.read()

    def _keep(self, number: int) -> None:
        content = self._blocks[number]
        if self._found.version:
            with suppress(OSError):  # a cache that is full of files in use: it goes without
                write = partial(_write, content=content)
                self._cache.open(self._key(number), len(content), write, patience_s=0).close()


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


@lru_cache(maxsize=4096)
def _first_found(address: str, pid: int) -> Found:
    """What a process has found at an address first."""
    found = find(address)
    if found is None or found.is_folder:
        raise FileNotFoundError(2, "nothing is there", address)
    if found.size is None:
        raise OSError(22, "is of a size that its server does not tell", address)
    return found


def _blocks_of(first: int, end: int) -> range:
    return range(first // BLOCK_BYTES, -(-end // BLOCK_BYTES) if end > first else 0)


def _runs(numbers: list[int]) -> Iterator[range]:
    """Ascending numbers in runs without gaps."""
    first = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield range(numbers[first], numbers[place - 1] + 1)
            first = place
