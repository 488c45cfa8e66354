"""Addresses of files in object stores and on the web, used like paths of this machine.

An :class:`Address` is a ``Path`` whose questions go to its store. ``open`` gives the file from the
cache on this machine, where it is fetched to; nothing is ever written to an address.
"""

from __future__ import annotations

import errno
import io
import os
import re
import uuid
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote

from motionlens._utils.download_cache import DownloadCache
from motionlens._utils.errors import nearest
from motionlens._utils.remote_files import PROTOCOLS, Found, StoreError, as_found, ask, find

if TYPE_CHECKING:
    _LocalPath = Path
else:
    _LocalPath = type(Path())  # before Python 3.12 Path itself cannot be the base

# pathlib leaves one of the slashes.
_ADDRESS = re.compile(rf"({'|'.join(PROTOCOLS)}):/+(?=[^/])")
_SCHEME = re.compile(r"([A-Za-z][\w.+-]*(?:::?[\w.+-]+)*)://")
# Names in queries whose values let anybody in who has the address.
_SECRET = re.compile(r"[?&;][^=&;]*(sig|token|key|secret|credential|passw|auth)[^=&;]*=", re.I)
# From so many files of one folder on, the folder is listed.
_WORTH_LISTING = 20
_THREADS = 16


class Address(_LocalPath):
    """A file or folder in an object store or on the web; made by :func:`as_path`.

    What is asked of it raises ``StoreError`` if its store refuses or does not answer.
    """

    def __str__(self) -> str:
        return _ADDRESS.sub(r"\1://", "/".join(self.parts), count=1)

    def __fspath__(self) -> str:
        return str(self)

    @property
    def has_folders(self) -> bool:
        """Whether its store knows folders; the web does not."""
        return not self.parts[0].startswith("http")

    def found(self) -> Found | None:
        """What lies there now; None if nothing does."""
        return find(str(self))

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Whether something lies there."""
        return self.found() is not None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Whether a file lies there."""
        found = self.found()
        return found is not None and not found.is_folder

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Whether there is a folder; on the web there never is."""
        found = self.found() if self.has_folders else None
        return found is not None and found.is_folder

    def is_symlink(self) -> bool:
        """False: stores have no links."""
        return False

    def resolve(self, strict: bool = False) -> Address:
        """Itself."""
        return self

    absolute = resolve

    def iterdir(self) -> Generator[Address, None, None]:
        """What lies directly in the folder."""
        return (self / name for name, _ in self.listed())

    def listed(self, *, deep: bool = False) -> list[tuple[str, Found]]:
        """Names of what lies in the folder, with what it is.

        Args:
            deep: the files of all folders below too, by their paths from here, and no folders.

        Raises:
            FileNotFoundError: If there is no such folder.
        """
        if not self.has_folders:
            raise StoreError(
                0, "the web has no folders that could be listed; give a list", str(self)
            )

        def listing(system: Any, path: str) -> list[tuple[str, Found]]:
            system.invalidate_cache()
            if deep:
                infos = system.find(path, detail=True).values()
            else:
                infos = system.ls(path, detail=True)
            prefix = path.rstrip("/") + "/"
            named = ((info["name"].strip("/").removeprefix(prefix), info) for info in infos)
            # A folder is listed in itself by stores that mark folders with empty files.
            return [(n.strip("/"), as_found(i)) for n, i in named if n.strip("/") + "/" != prefix]

        return sorted(ask(str(self), listing))

    def open(self, mode: str = "rb", *_: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        """The file, open to be read; its ``name`` is a path of this machine while it is open.

        Raises:
            FileNotFoundError: If nothing lies there.
            OSError: If it does not fit into the cache.
        """
        if set(mode) - set("rbt"):
            self._refuse()
        try:
            file = self._fetched()
        except StoreError as error:
            if error.errno != errno.ESTALE:
                raise
            file = self._fetched()  # the new version
        return file if "b" in mode else io.TextIOWrapper(file, **options)

    def _fetched(self) -> IO[bytes]:
        found = self.found()
        if found is None:
            raise FileNotFoundError(2, "nothing is there", str(self))
        if found.is_folder or found.size is None:
            what = (
                "is a folder" if found.is_folder else "is of a size that its server does not tell"
            )
            raise OSError(22, f"{what}; name a file, or copy it to this machine", str(self))
        cache, fetch = DownloadCache.of_environment(), partial(_fetch, str(self), found)
        # What has no version may be another file every time.
        version = found.version or uuid.uuid4().hex
        return cache.open(f"{found.size} {version} {self}", found.size, fetch)

    def read_start(self, num_bytes: int) -> bytes:
        """The first bytes of the file, which is not fetched for them; none if it is not there."""
        try:
            return bytes(ask(str(self), lambda s, path: s.cat_file(path, start=0, end=num_bytes)))
        except FileNotFoundError:
            return b""

    def read_bytes(self) -> bytes:
        """The whole content."""
        with self.open("rb") as file:
            return bytes(file.read())

    def read_text(self, encoding: str | None = None, errors: str | None = None, **_: Any) -> str:
        """The whole content as text."""
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OSError(30, "nothing is written to addresses; name a path of this machine", str(self))

    mkdir = rmdir = unlink = rename = replace = touch = write_bytes = write_text = _refuse
    chmod = symlink_to = hardlink_to = _refuse


def _fetch(address: str, found: Found, path: Path) -> None:
    """Write a file that was found onto this machine, of the version that was found."""

    def get(system: Any, where: str) -> None:
        system.get_file(where, str(path))
        system.invalidate_cache()
        now = as_found(system.info(where))
        if now == found and path.stat().st_size != found.size:
            raise ConnectionError  # cut short without a word
        if now != found:
            changed.append(now)

    changed: list[Found] = []
    ask(address, get)
    if changed:
        raise StoreError(errno.ESTALE, "changes while it is read; try again", address)


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether a path is one of :data:`PROTOCOLS`; other schemes are refused by :func:`as_path`."""
    return _ADDRESS.match(os.fspath(path)) is not None


def as_path(path: str | os.PathLike[str]) -> Path:
    """A path of this machine, or an :class:`Address`.

    Raises:
        ValueError: If it is an address of another protocol, leads upwards, or holds a secret.

    Example:
        >>> as_path("s3://bucket/clips") / "a.mp4"
        Address('s3://bucket/clips/a.mp4')
    """
    if isinstance(path, Address):
        return path
    text = os.fspath(path)
    if not is_address(text):
        if (other := _SCHEME.match(text)) is not None:
            raise ValueError(
                f"{other.group(1)}:// is not read{nearest(other.group(1), PROTOCOLS)}; give a path "
                f"of this machine, or an address that begins with one of {', '.join(PROTOCOLS)}"
            )
        return Path(text)
    text = _ADDRESS.sub(r"\1://", text, count=1)
    protocol = text.partition(":")[0]
    if "@" in text.partition("?")[0].split("/", 3)[2] or _SECRET.search(text):
        raise ValueError(
            f"an address must hold no key, password or signature, this one of {protocol}:// does, "
            "which results would repeat; set the key in the environment, or copy the file here"
        )
    if ".." in unquote(text).replace("\\", "/").split("/"):
        raise ValueError(f"{text}: an address must not lead upwards; write it without '..'")
    return Address(text)


def join(root: Path, path: str) -> Path:
    """A path as a list or a description below ``root`` names it; see :func:`check_below`."""
    if is_address(path):
        return as_path(path)
    return as_path(f"{root}/{path}") if isinstance(root, Address) else root / path


def join_names(root: Path, path: str) -> str:
    """:func:`join` as text; much faster for paths of this machine."""
    if isinstance(root, Address) or is_address(path):
        return str(join(root, path))
    return os.path.join(root, path)


def absolute(path: str | os.PathLike[str]) -> str:
    """A path that is valid from any working directory; an address is as it is."""
    return os.fspath(path) if is_address(path) else os.path.abspath(path)


def check_below(root: Path, path: str) -> None:
    """Refuse a path in a list that leads to where its reader has not pointed.

    On this machine a list may name any file. From an address none of this machine is named, and
    addresses lie below the root.

    Args:
        root: folder that the list's paths start from.
        path: as the list names it.

    Raises:
        ValueError: If it leads elsewhere.
    """
    if not (isinstance(root, Address) or _SCHEME.match(path)):
        return
    is_whole = _SCHEME.match(path) or os.path.isabs(path)
    where = as_path(path) if is_whole else join(root, path)
    if not (isinstance(root, Address) and isinstance(where, Address)) or (
        where.parts[: len(root.parts)] != root.parts
    ):
        raise ValueError(
            f"{path} lies outside of {root}, from which the paths of this list start; if that is "
            "meant, name a folder that holds all of them with --listing.root"
        )


def find_all(paths: Sequence[Path]) -> list[Found | None]:
    """What lies at addresses: folders of which many files are asked for are listed, once."""
    folders: dict[Path, list[int]] = {}
    for number, path in enumerate(paths):
        folders.setdefault(path.parent, []).append(number)
    found: list[Found | None] = [None] * len(paths)
    single: list[int] = []
    listed: list[tuple[Address, list[int]]] = []
    for folder, numbers in folders.items():
        if isinstance(folder, Address) and folder.has_folders and len(numbers) >= _WORTH_LISTING:
            listed.append((folder, numbers))
        else:
            single += numbers

    def look_at(number: int) -> None:
        found[number] = find(str(paths[number]))

    def look_into(task: tuple[Address, list[int]]) -> None:
        folder, numbers = task
        try:
            there = dict(folder.listed())
        except FileNotFoundError:
            return
        for number in numbers:
            found[number] = there.get(paths[number].name)

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(look_at, single))
        list(pool.map(look_into, listed))
    return found


def exists(path: Path) -> bool:
    """Whether something lies at a path, however long its name is."""
    return path.exists() if isinstance(path, Address) else os.path.exists(path)


def is_file(path: Path) -> bool:
    """Whether a file lies at a path."""
    return path.is_file() if isinstance(path, Address) else os.path.isfile(path)


def is_dir(path: Path) -> bool:
    """Whether a folder lies at a path."""
    return path.is_dir() if isinstance(path, Address) else os.path.isdir(path)


@contextmanager
def on_this_machine(path: Path) -> Iterator[Path]:
    """A file that other libraries are to open: its path on this machine, within the block.

    Raises:
        OSError: As :meth:`Address.open` does.
    """
    if isinstance(path, Address):
        with path.open("rb") as file:
            yield Path(file.name)
    else:
        yield path
