"""Memory that one call leaves to the next.

Fresh memory comes from the system page by page, which took a third of a search's time where that
was measured; the allocator gives large blocks back to the system as soon as they are free.
"""

import math
import threading
from collections.abc import Sequence

import torch

# No larger buffer is kept, bytes. A search of 32 frames of 14x14 positions stores 76 MB.
MOST_KEPT = 128 * 2**20

_kept = threading.local()


def workspace(name: str, shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """A tensor on the CPU of unknown content, valid until the same thread asks for that name again.

    Args:
        name: of the use; each thread keeps one buffer for it, as large as the largest so far.
        shape: of the tensor.
        dtype: of the tensor.
    """
    size = math.prod(shape) * dtype.itemsize
    buffers: dict[str, torch.Tensor] = _kept.__dict__
    buffer = buffers.get(name)
    if buffer is None or buffer.numel() < size:
        # What inference mode makes cannot be written to outside of it.
        with torch.inference_mode(mode=False):
            buffer = torch.empty(size, dtype=torch.uint8)
        if size <= MOST_KEPT:
            buffers[name] = buffer
    return buffer[:size].view(dtype).view(*shape)


def release() -> None:
    """Give back what this thread keeps."""
    _kept.__dict__.clear()
