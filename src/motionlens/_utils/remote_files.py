"""Files in object stores and on the web, through fsspec: asked patiently, errors on one line.

Only :data:`PROTOCOLS` are opened. What a library says of a failure is never repeated: it may hold a
key, or an address with a signature to which a server has redirected.
"""

import errno
import os
import random
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from motionlens._utils.optional import require

R = TypeVar("R")

# Package of each protocol's file system, and the extra that brings it.
PROTOCOLS = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gs"),
    "az": ("adlfs", "az"),
    "hf": ("huggingface_hub", ""),
    "https": ("aiohttp", ""),
    "http": ("aiohttp", ""),
}
# Where the key is looked for, which a message names instead of it.
_KEYS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, and AWS_ENDPOINT_URL for "
    "another store than Amazon's; FSSPEC_S3_ANON=true for public data",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or log in with gcloud",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    "hf": "HF_TOKEN, or log in with 'hf auth login'",
}
# Before each further try, less up to a half, by chance: clients that were refused together would
# come back together.
WAITS_S = (0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
_CONNECT_S, _READ_S = 10.0, 30.0
# Answers after which the same question may be answered: timeouts, throttling, faults in passing.
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_PASSING_ERRNO = frozenset({errno.EBUSY, getattr(errno, "EREMOTEIO", errno.EIO), errno.EIO})
_OF_THIS_MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
# Of libraries that are not always there, by name.
_PASSING_NAMES = frozenset(
    {"ClientError", "HTTPClientError", "IncompleteReadError", "ServiceRequestError",
     "HttpRequestError", "ServiceResponseError", "TransportError", "FSTimeoutError",
     "IncompleteRead", "ConnectError"}
)  # fmt: skip
# What tells versions of a file apart, as the file systems call it.
_VERSIONS = (
    "etag", "generation", "md5hash", "content_md5", "content-md5", "digest", "last-modified",
    "lastmodified", "last_modified", "mtime", "blob_id",
)  # fmt: skip


class StoreError(OSError):
    """A store that does not give a file: the whole command ends, for it would fail for all others.

    That there is no such file is no error of the store, but a ``FileNotFoundError``.
    """

    def __str__(self) -> str:
        # A loader's worker passes on its error as text, from which the class is built again.
        return f"{self.filename}: {self.strerror}" if self.strerror else super().__str__()


class Found(NamedTuple):
    """What lies at an address.

    Attributes:
        is_folder: whether it is a folder.
        size: bytes; None if the server does not tell.
        version: changes when the file does; empty if the server does not tell.
    """

    is_folder: bool
    size: int | None
    version: str


def ask(address: str, question: Callable[[Any, str], R]) -> R:
    """Ask the file system of an address, again after a while if it fails in passing.

    Args:
        address: of one of :data:`PROTOCOLS`.
        question: takes the file system and the path in it.

    Raises:
        FileNotFoundError: If nothing is there.
        StoreError: If access is refused, or it fails still after :data:`WAITS_S`.
        ImportError: If the package for the protocol is not installed.
    """
    protocol = address.partition(":")[0]
    for wait_s in (*WAITS_S, None):
        system = _file_system(protocol, os.getpid())
        try:
            return question(system, system._strip_protocol(address))
        except Exception as error:  # of any of five libraries
            if getattr(error, "errno", None) in _OF_THIS_MACHINE:
                raise
            problem = _diagnose(error)
        if problem == "missing":
            raise FileNotFoundError(errno.ENOENT, "nothing is there", address)
        if problem == "refused":
            raise StoreError(errno.EACCES, _refused(protocol), address)
        if problem != "passing":
            raise StoreError(errno.EIO, f"cannot be read ({problem})", address)
        if wait_s is not None:
            time.sleep(wait_s * random.uniform(0.5, 1.0))
    raise StoreError(
        errno.EIO,
        f"the store does not answer, or breaks off, {len(WAITS_S) + 1} times in a row; check the "
        "network and try again",
        address,
    )


def find(address: str) -> Found | None:
    """What lies at an address; None if nothing does.

    Raises:
        StoreError: If the store does not say.
    """
    try:
        return as_found(ask(address, _info))
    except FileNotFoundError:
        return None


def as_found(info: dict[str, Any]) -> Found:
    """What fsspec says of a file or a folder."""
    told = {name.lower(): value for name, value in info.items()}
    # The first alone: a listing has times of a finer grain than the answer for one file.
    version = next((f"{name}={told[name]}" for name in _VERSIONS if told.get(name)), "")
    return Found(told.get("type") == "directory", told.get("size"), version)


def _info(system: Any, path: str) -> dict[str, Any]:
    system.invalidate_cache()  # a listing of before knows nothing of a file's new version
    return dict(system.info(path))


@lru_cache(maxsize=2 * len(PROTOCOLS))
def _file_system(protocol: str, pid: int) -> Any:
    """The file system of a protocol; a process that was forked makes its own, with own threads."""
    package, extra = PROTOCOLS[protocol]
    if extra:
        require(package, extra)
    import fsspec
    from fsspec.config import conf

    options: dict[str, Any] = {}
    if protocol == "s3":
        own = dict(conf.get("s3", {}).get("config_kwargs", {}))
        # It is asked again here; botocore would multiply the tries.
        own |= {"retries": {"mode": "standard", "total_max_attempts": 1}}
        options = {
            "config_kwargs": {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S} | own,
            "use_listings_cache": False,
        }
    elif package == "aiohttp":
        import aiohttp

        limit = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
        # Compressed on the way a file would have another size than the server says.
        headers = {"Accept-Encoding": "identity"}
        options = {"client_kwargs": {"timeout": limit, "headers": headers}}
    system = fsspec.filesystem(protocol, **options)
    if protocol == "s3":
        system.retries = 1  # likewise
    return system


def _refused(protocol: str) -> str:
    where = (
        f"check the key that is set: {_KEYS[protocol]}" if protocol in _KEYS else "it is private"
    )
    return f"the store refuses access; {where}"


def _diagnose(error: BaseException) -> str:
    """``missing``, ``refused``, ``passing``, or else what kind of error it is."""
    chain = list(_chain(error))
    status = next((found for one in chain if (found := _status(one))), 0)
    if status in _PASSING_STATUS:
        return "passing"
    if status in (401, 403):
        return "refused"
    if status in (404, 410):
        return "missing"
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    if any("Credentials" in name or name == "ProfileNotFound" for name in names):
        return "refused"
    if status:
        return f"the server answers {status}"
    if any(isinstance(one, ConnectionError | TimeoutError) for one in chain):
        return "passing"
    if names & _PASSING_NAMES or any(getattr(o, "errno", 0) in _PASSING_ERRNO for o in chain):
        return "passing"
    if any(isinstance(one, FileNotFoundError) for one in chain):
        return "missing"
    if any(isinstance(one, PermissionError) for one in chain):
        return "refused"
    return type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that it came of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int:
    """The number with which a server has answered; 0 if the error holds none."""
    # With its number aiohttp says that it does not understand the server's answer.
    if any(kind.__name__ == "HttpProcessingError" for kind in type(error).__mro__):
        return 0
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        number = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        # The last of the names is one of before in aiohttp, which warns of it.
        sources = [(response, "status_code"), (error, "status"), (error, "status_code")]
        numbers = (getattr(one, name, None) for one, name in [*sources, (error, "code")])
        number = next((found for found in numbers if found is not None), None)
    return number if isinstance(number, int) and number >= 400 else 0
