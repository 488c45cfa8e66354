"""A server's decoder that hurts; in a file that other processes can import."""

import os
import time
from pathlib import Path

from motionlens.serving.decoding import Decoder
from pool_work import work


class OddDecoder(Decoder):
    """Decodes uploads, or does what their last bytes say."""

    def _decode(self, upload):
        end = upload.video.read_bytes()[-8:]
        if end.endswith(b"CRASH"):
            os._exit(11)
        if end.endswith(b"HANG"):
            time.sleep(3600)
        if end.endswith(b"FILL"):
            bytearray(4 * 10**9)
        if end.endswith(b"HOLD"):
            Path("/proc/self/comm").write_text("holding")
            work("hold")
        return super()._decode(upload)
