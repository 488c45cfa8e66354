"""A small recognizer that is served, in memory and over a socket."""

import socket
import threading
import time
from contextlib import contextmanager

import pytest

from export_cards import small_recognizer
from motion_videos import CLASSES, write_video
from motionlens.serving.config import ServingConfig
from motionlens.serving.connections import uvicorn_settings

NETWORK = {"widths": [4, 8, 8, 8], "modules": {"res3": 1, "res4": 1}, "k": 2, "stem_stride": 2}


@pytest.fixture(scope="session")
def recognizer():
    """Two CP modules that are no longer the identity, on grids of 8x8 and 4x4."""
    return small_recognizer("cpnet_nano", NETWORK, size=32)


@pytest.fixture(scope="session")
def clips(tmp_path_factory):
    """Name to path: ``move_left.mp4`` and others, 8 frames of 32x32."""
    folder = tmp_path_factory.mktemp("clips")
    for seed, (name, step) in enumerate(CLASSES.items()):
        write_video(folder / f"{name}.mp4", step, seed=seed)
    return {path.stem: path for path in sorted(folder.iterdir())}


@contextmanager
def served(app, config=None):
    """The address of an application that uvicorn runs in another thread."""
    import uvicorn

    config = config or ServingConfig()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    settings = uvicorn_settings(app, config, config.max_connections)
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        for _ in range(6000):  # a minute, for busy machines
            if server.started:
                break
            time.sleep(0.01)
        assert server.started
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="session")
def serve():
    """``with serve(app) as address``."""
    return served
