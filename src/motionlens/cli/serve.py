"""Serve a page on which clips are recognized and show what was matched, and its HTTP interface."""

from __future__ import annotations

import socket
import warnings
from typing import Any

from motionlens.cli._arguments import add_device, add_k, add_run, split_run

_LOCAL = ("127.0.0.1", "localhost", "::1")
# What a browser on this machine calls a server that listens there.
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def add_arguments(parser: Any) -> None:
    """Add the command's arguments."""
    add_run(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="where to listen; 0.0.0.0 lets other machines in"
    )
    parser.add_argument("--port", type=int, default=8000, help="likewise; 0 takes a free one")
    parser.add_argument(
        "--max_upload_mb", type=float, default=64.0, help="size of an upload, at most"
    )
    parser.add_argument(
        "--max_megapixels", type=float, default=9.0, help="size of a video's frames, at most"
    )
    parser.add_argument(
        "--max_batch", type=int, default=16, help="clips that go through the network together"
    )
    parser.add_argument(
        "--max_wait_ms", type=float, default=4.0, help="how long a clip waits for others"
    )
    parser.add_argument(
        "--max_waiting", type=int, default=128, help="uploads at a time; others come again"
    )
    parser.add_argument("--decode_threads", type=int, help="that read videos")
    add_k(parser)
    add_device(parser)


def run(args: Any) -> int:
    """Serve until interrupted; return 0."""
    from motionlens._utils.optional import require

    require("fastapi", "serve")
    require("prometheus_client", "serve")
    require("python_multipart", "serve")
    uvicorn = require("uvicorn", "serve")
    from motionlens.inference.recognizer import Recognizer
    from motionlens.serving.app import create_app
    from motionlens.video.frames import VideoWarning

    args.run, _ = split_run(args.run, [])
    config = _config(args)
    # Of uploads that are short or damaged their senders are told, not the log.
    warnings.filterwarnings("ignore", category=VideoWarning)
    with _listen(args.host, args.port) as listener:
        recognizer = Recognizer.from_pretrained(args.run, device=args.device, k=args.k)
        hosts = _LOCAL_NAMES if args.host in _LOCAL else ("*",)
        app = create_app(recognizer, config, allowed_hosts=hosts)
        server = uvicorn.Server(
            uvicorn.Config(
                app, log_level="warning", server_header=False, timeout_graceful_shutdown=10
            )
        )
        print(f"{recognizer!r}", flush=True)
        print(f"the page is at {_address(args.host, listener)} - Ctrl+C ends it", flush=True)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            print("stopped", flush=True)
    return 0


def _config(args: Any) -> Any:
    from motionlens.serving.config import ServingConfig

    names = ("max_upload_mb", "max_megapixels", "max_batch", "max_wait_ms", "max_waiting")
    values = {name: getattr(args, name) for name in names}
    if args.decode_threads is not None:
        values["decode_threads"] = args.decode_threads
    return ServingConfig(**values)


def _listen(host: str, port: int) -> socket.socket:
    """A socket, before any network is loaded: a port that is taken is known at once."""
    if not 0 <= port < 65536:
        raise ValueError(f"port must lie in 0..65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        # From now on clients wait instead of being refused.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ValueError(
            f"host and port must be free to listen on, {host}:{port} is not "
            f"({error.strerror or error}); give another --port or --host"
        ) from None
    return listener


def _address(host: str, listener: socket.socket) -> str:
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)
    return f"http://{f'[{shown}]' if ':' in shown else shown}:{listener.getsockname()[1]}/"
