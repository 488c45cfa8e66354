"""What was fetched from addresses, in a folder on this machine that never outgrows its limit.

Any number of processes share the folder. A file that is open is locked, and stays; of the others
the one that was not used for longest makes room. Files are known by address and version, so that
one that has changed in the store is fetched again.
"""

import errno
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock

from motionlens._utils.files import naming
from motionlens._utils.remote_files import StoreError

try:
    import fcntl
except ImportError:  # Windows, where an open file cannot be removed
    fcntl = None  # type: ignore[assignment]

FOLDER_VARIABLE, SIZE_VARIABLE = "MOTIONLENS_CACHE", "MOTIONLENS_CACHE_GB"
_DEFAULT_GB = 10.0
# How long to wait for files that others use.
_PATIENCE_S = 120.0
# Room is made for more than one file at a time, because all of the folder is looked at for it.
_FILLED = 0.9
_LOCK, _USED, _CLAIM = ".lock", ".used", ".claim"
_PART = re.compile(r"\.(\d+)\.part$")


class NoRoomError(OSError):
    """A file that does not fit into the cache."""


@dataclass(frozen=True)
class DownloadCache:
    """A folder of fetched files.

    Attributes:
        folder: made when it is needed.
        max_bytes: of all files together.
    """

    folder: Path
    max_bytes: int

    @classmethod
    def of_environment(cls) -> "DownloadCache":
        """The cache that :data:`FOLDER_VARIABLE` and :data:`SIZE_VARIABLE` set.

        Raises:
            ValueError: If the size is no number above 0.
        """
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        text = os.environ.get(SIZE_VARIABLE, str(_DEFAULT_GB))
        try:
            size = float(text)
        except ValueError:
            size = 0.0
        if not 0 < size < 1e9:
            raise ValueError(f"{SIZE_VARIABLE} must be a number of gigabytes above 0, got {text!r}")
        return cls(
            Path(os.environ.get(FOLDER_VARIABLE) or Path(base, "motionlens")), int(size * 1e9)
        )

    def find(self, key: str) -> IO[bytes] | None:
        """A file that is there; None if it is not."""
        return _opened(self._path(key))

    def open(
        self, key: str, size: int, fetch: Callable[[Path], None], *, patience_s: float = _PATIENCE_S
    ) -> IO[bytes]:
        """A file, fetched unless it is there; it stays in the folder until it is closed.

        Args:
            key: address and version; what stands behind its last dot is kept as the suffix.
            size: of the file, bytes.
            fetch: writes the file at the path that it is given.
            patience_s: how long to wait for room that files in use take.

        Raises:
            NoRoomError: If it is larger than the cache, or the files that others use leave no room.
        OSError: If it cannot be written.
        """
        path = self._path(key)
        while True:
            if (file := _opened(path)) is not None:
                return file
            with _naming(path):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._fetch(path, size, fetch, patience_s)

    def _path(self, key: str) -> Path:
        suffix = re.search(r"\.[A-Za-z0-9]{1,10}$", key)
        name = hashlib.sha256(key.encode()).hexdigest() + (suffix.group() if suffix else "")
        return self.folder / name

    def _fetch(
        self, path: Path, size: int, fetch: Callable[[Path], None], patience_s: float
    ) -> None:
        """Put a file into the folder, unless another process does so meanwhile."""
        claim = path.with_name(f"{path.name}{_CLAIM}")
        with claim.open("ab") as claimed:
            _lock(claimed)  # waits for a process that fetches it
            if path.exists() or not _is_at(claimed, claim):
                return
            part = path.with_name(f"{path.name}.{size}.part")
            try:
                with self._make_room(size, part, patience_s):
                    fetch(part)
                    os.replace(part, path)
            finally:
                for left in (part, claim):
                    left.unlink(missing_ok=True)

    def _make_room(self, size: int, part: Path, patience_s: float) -> IO[bytes]:
        """Take the space of a file that is about to be fetched, and keep it while that is open."""
        if size > self.max_bytes:
            raise NoRoomError(
                errno.EFBIG,
                f"has {size / 1e9:.3g} GB, more than the cache in {self.folder}, which has "
                f"{self.max_bytes / 1e9:.3g}; raise {SIZE_VARIABLE}",
            )
        until = time.monotonic() + patience_s
        while (file := self._take(size, part)) is None:
            if time.monotonic() >= until:
                raise NoRoomError(
                    errno.ENOSPC,
                    f"finds no room in {self.folder}, whose {self.max_bytes / 1e9:.3g} GB are full "
                    f"of files in use; raise {SIZE_VARIABLE}",
                )
            time.sleep(0.2)
        return file

    def _take(self, size: int, part: Path) -> IO[bytes] | None:
        """The file that holds the space, if there is some now."""
        used_file = self.folder / _USED
        with FileLock(self.folder / _LOCK):
            try:
                used = int(used_file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                used = self.max_bytes  # to be counted
            if used + size > self.max_bytes:
                used = self._remove_oldest(
                    min(self.max_bytes - size, int(_FILLED * self.max_bytes))
                )
            fits = used + size <= self.max_bytes
            used_file.write_text(str(used + size if fits else used), encoding="utf-8")
            if not fits:
                return None
            file = part.open("ab")
            _lock(file)
            return file

    def _remove_oldest(self, most: int) -> int:
        """Remove files until the rest has no more bytes than this, if that many are free to go."""
        files: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            if path.name in (_LOCK, _USED):
                continue
            with suppress(OSError):  # gone meanwhile
                found, part = path.stat(), _PART.search(path.name)
                # What a process was fetching that was killed goes first.
                is_left = part is not None or path.name.endswith(_CLAIM)
                size = int(part.group(1)) if part else found.st_size
                files.append((0.0 if is_left else found.st_mtime, size, path))
        total = sum(size for _, size, _ in files)
        for used_at, size, path in sorted(files):
            if (total > most or not used_at) and _removed(path):
                total -= size
        return total


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in errors of writing it; others, which name something else, pass."""
    passed: OSError | None = None
    with naming(path):
        try:
            yield
        except (NoRoomError, StoreError, FileNotFoundError) as error:
            passed = error
    if passed is not None:
        raise passed


def _opened(path: Path) -> IO[bytes] | None:
    """A file, open and locked so that it stays; None if it is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    _lock(file, shared=True)
    if not _is_at(file, path):
        file.close()
        return None
    with suppress(OSError):
        os.utime(path)  # when it was used
    return file


def _removed(path: Path) -> bool:
    """Remove a file that nobody has open; whether it is gone."""
    try:
        with path.open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
        if fcntl is None:
            path.unlink()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _lock(file: IO[bytes], *, shared: bool = False) -> None:
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def _is_at(file: IO[bytes], path: Path) -> bool:
    """Whether a file that is open is still the one that lies at a path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
