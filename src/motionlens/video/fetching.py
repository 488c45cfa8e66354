"""Video files from object stores and the web, as files on this machine."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from motionlens._utils.addresses import Address, as_path, on_this_machine
from motionlens._utils.remote_files import StoreError
from motionlens.video.container import nothing_at
from motionlens.video.frames import VideoError


def video_path(video: str | os.PathLike[str]) -> Path:
    """The path or the address of a video.

    Raises:
        VideoError: If it is an address that is not read.
    """
    try:
        return as_path(video)
    except ValueError as error:
        raise VideoError(str(error)) from None


@contextmanager
def fetched(path: Path) -> Iterator[Path]:
    """The file at a path or an address, on this machine within the block.

    Raises:
        VideoError: If nothing lies at the address, or what does not fit into the cache.
        StoreError: If its store refuses access or does not answer.
    """
    if not isinstance(path, Address):
        yield path
        return
    with ExitStack() as stack:
        try:
            local = stack.enter_context(on_this_machine(path))
        except StoreError:
            raise
        except FileNotFoundError:
            raise VideoError(nothing_at(str(path))) from None
        except OSError as error:
            raise VideoError(f"{path}: {error.strerror}") from None
        yield local
