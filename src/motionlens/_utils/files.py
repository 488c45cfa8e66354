"""Read text with a clear error, and write files whole or not at all."""

import codecs
import errno
import json
import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any


@contextmanager
def replacing(path: Path, mode: str = "wb", **options: Any) -> Iterator[IO[Any]]:
    """Write a file beside its place, which it takes in one step at the end of the block.

    If the block raises, nothing changes: what lay there before stays.

    Args:
        path: the place.
        mode: as of ``open``.
        **options: likewise.

    Raises:
        OSError: If the file cannot be written.
    """
    with naming(path):
        if path.exists() and not path.is_file():
            # A file would take the place of the pipe or the device itself.
            raise OSError(errno.EEXIST, "it must be a file, it is a folder, a pipe or a device")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # mkstemp files are private; the result should follow the user's umask like any other.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in errors of writing it: a full disk, or a folder that is gone, names none.

    Raises:
        OSError: Whatever the block raises, with the path.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None or "cannot be written" in str(error.strerror):  # named already
            raise
        advice = _ADVICE.get(error.errno, "")
        reason = f"cannot be written ({error.strerror}){advice}"
        raise type(error)(error.errno, reason, str(path)) from None


# What to do where the system refuses to write.
_ADVICE = {
    errno.ENOSPC: "; make room and start again",
    errno.EDQUOT: "; make room and start again",
    errno.EFBIG: "; raise the limit on the size of files and start again",
    errno.ENOENT: "; its folder has been removed meanwhile",
}
# Lists of ten million videos are smaller.
_MAX_TEXT = 10**9
# Byte order marks, the longest first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_text(path: Path, hint: str, *, errors: str = "strict") -> str:
    """The text of a file: UTF-8, or what its byte order mark says, with line ends as they are.

    Args:
        path: the file.
        hint: what to do if it cannot be read, such as ``"download it again"``.
        errors: what happens to bytes that are none of these, as of ``bytes.decode``.

    Raises:
        ValueError: If it cannot be read, or is larger than any list of videos is.
    """
    try:
        content = read_limited(path)
        encoding = next((e for mark, e in _MARKS.items() if content.startswith(mark)), "utf-8")
        text = content.decode(encoding, errors)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}; {hint}") from None
    except UnicodeDecodeError:
        text = "\0"
    # Most of UTF-16 without its mark is valid UTF-8 as well, with zero bytes in between.
    if "\0" in text:
        raise ValueError(
            f"{path} cannot be read: it is not UTF-8 text; {hint}, or save it as UTF-8 (in Excel "
            "as 'CSV UTF-8')"
        )
    return text


def read_limited(path: Path) -> bytes:
    """The content of a file of text; a device or a pipe without an end does not fill the memory.

    Raises:
        ValueError: If it is larger than 1 GB.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(_MAX_TEXT + 1)
    if len(content) > _MAX_TEXT:
        raise ValueError(f"{path} must have at most {_MAX_TEXT:,} bytes, it has more")
    return content


def parse_json(text: str) -> Any:
    """The value of a JSON text that a stranger may have written.

    Raises:
        ValueError: If it is no JSON, or is nested too deeply.

    Example:
        >>> parse_json("[1, null]")
        [1, None]
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_expansion(file: IO[bytes] | Path) -> None:
    """Refuse a ZIP archive that is far larger unpacked: NumPy and torch store arrays as they are.

    Raises:
        ValueError: If it is.
        zipfile.BadZipFile: If it is no archive.
    """
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        expanded = sum(entry.file_size for entry in entries)
        stored = sum(entry.compress_size for entry in entries)
    if expanded > 10 * stored + 65536:
        raise ValueError(f"it expands to {expanded:,} bytes")


def utf8(text: str) -> bytes:
    r"""Text with names of files in it as UTF-8; what is none in a name becomes U+FFFD.

    Python has the odd bytes of a name, under some locales all that are not ASCII, as surrogates.

    Example:
        >>> utf8(os.fsdecode(b"caf\xc3\xa9"))
        b'caf\xc3\xa9'
    """
    return text.encode(errors="surrogateescape").decode(errors="replace").encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file by new content in one step: a reader sees the old one or the new one."""
    with replacing(path) as file:
        file.write(content)


def check_writable(folder: str | os.PathLike[str], name: str = "out") -> None:
    """Find out before any work, and without leaving a trace, that a folder can be written.

    Args:
        folder: need not exist yet.
        name: of the argument, for the message.

    Raises:
        ValueError: If it cannot be made or written, or is a file.
    """
    _refuse_address(folder, name)
    folder = Path(folder)
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    try:
        # Asking for permissions is not enough: a full disk or a read-only mount shows only so.
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise ValueError(
            f"{name} must be a folder that can be written, {folder} cannot: "
            f"{existing}: {error.strerror or error}"
        ) from None


def _refuse_address(path: str | os.PathLike[str], name: str) -> None:
    # pathlib leaves one of the slashes; one letter is a drive.
    if re.match(r"[A-Za-z][\w+.-]+:/", os.fspath(path)):
        raise ValueError(
            f"{name} must be a path of this machine, got an address; copy the result there"
        )


def check_file(
    path: str | os.PathLike[str], name: str = "out", inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Find out before any work that a file can be written, in a folder that exists.

    Args:
        path: of the file.
        name: of the argument, for the message.
        inputs: files and folders whose content it must not replace.

    Raises:
        ValueError: If it cannot, is a folder, a pipe or a device, or is one of the inputs or in one
            of their folders.
    """
    _refuse_address(path, name)
    place = Path(path).resolve()
    if place.exists() and {place, *place.parents} & {Path(each).resolve() for each in inputs}:
        raise ValueError(f"{name} must be another file than what is read, got {path}")
    folder = Path(path).absolute().parent
    if Path(path).exists() and not Path(path).is_file():
        raise ValueError(f"{name} must be a file, {path} is a folder, a pipe or a device")
    if not folder.is_dir():
        raise ValueError(f"{name} must be in a folder that exists, {path} is not; make it")
    check_writable(folder, name)
