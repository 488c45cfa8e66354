"""Run the web application in this process."""

import os
import socket
import textwrap
import warnings
from collections.abc import Callable, Iterator

from motionlens._utils.checks import check_number
from motionlens._utils.optional import require
from motionlens.inference.recognizer import Recognizer
from motionlens.pretrained import NAME
from motionlens.serving.config import ServingConfig
from motionlens.video.frames import VideoWarning

# What a browser calls a server that listens for its own machine only.
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
# Of the labels that the first line names.
_LISTED_CHARACTERS = 80


def serve(
    source: str | os.PathLike[str] = NAME,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    device: str = "auto",
    k: int | None = None,
    seconds: float | None = None,
    config: ServingConfig | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page of a recognizer until Ctrl+C.

    Args:
        source: anything that :meth:`motionlens.Recognizer.from_pretrained` takes.
        host: address to listen on; ``0.0.0.0`` lets other machines in, without a password.
        port: port to listen on; 0 takes a free one.
        device: where to run; auto takes an accelerator if there is one.
        k: proposals per position, instead of the model's own.
        seconds: length of a clip, instead of the recognizer's own.
        config: limits; ``ServingConfig()`` if None.
        say: called with lines about the recognizer, who can open the page and its address, and at
            the end.

    Raises:
        ValueError: If the port is out of range or taken, or the recognizer cannot be loaded.
        ImportError: If a package of the extra ``serve`` is not installed.
    """
    for package in ("fastapi", "prometheus_client", "python_multipart"):
        require(package, "serve")
    uvicorn = require("uvicorn", "serve")
    from motionlens.serving.app import create_app

    # Warnings about an upload are part of its answer.
    warnings.filterwarnings("ignore", category=VideoWarning)
    with _listen(host, port) as listener:
        recognizer = Recognizer.from_pretrained(source, device=device, k=k, seconds=seconds)
        name = f"[{host}]" if ":" in host else host
        allowed = _LOCAL_NAMES if name in _LOCAL_NAMES else ("*",)
        app = create_app(recognizer, config, allowed_hosts=allowed)
        options = {"log_level": "warning", "server_header": False, "timeout_graceful_shutdown": 10}
        server = uvicorn.Server(uvicorn.Config(app, **options))
        say(_described(recognizer))
        for line in _addresses(name, listener.getsockname()[1]):
            say(line)
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            say("stopped")


def _described(recognizer: Recognizer) -> str:
    """What is served: the network, where it runs, and its labels."""
    names = recognizer.class_names
    listed = textwrap.shorten(", ".join(names), _LISTED_CHARACTERS, placeholder=" ...")
    count = f"{len(names)} label{'s' if len(names) > 1 else ''}"
    return f"{recognizer.card.model} on {recognizer.device}, {count}: {listed}"


def _addresses(name: str, port: int) -> Iterator[str]:
    """Who can open the page, and where: lines to print.

    Args:
        name: what the server listens on, as it stands in an address.
        port: the port.
    """
    if name in _LOCAL_NAMES:
        yield (
            "only this machine can open the page; --host 0.0.0.0 lets in everyone who reaches this "
            "machine, without password or encryption"
        )
        yield f"the page is at http://{name}:{port}/ - Ctrl+C ends it"
        return
    yield (
        "everyone who reaches this machine can open the page: it has no password and no encryption"
    )
    if name not in ("0.0.0.0", "[::]"):
        yield f"the page is at http://{name}:{port}/ - Ctrl+C ends it"
        return
    others = _network_address()
    at = f", for other machines at http://{others}:{port}/" if others else ""
    yield f"the page is at http://127.0.0.1:{port}/{at} - Ctrl+C ends it"
    if not others:
        yield "this machine has no address in a network now; once it has, the port is the same"


def _network_address() -> str | None:
    """This machine's address in its network; None without a network."""
    # Connecting a datagram socket sends nothing; it only chooses the address to send from. The
    # target is one that nobody has, reserved for documents.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as chooser:
        try:
            chooser.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address = str(chooser.getsockname()[0])
    return None if address.startswith(("127.", "0.")) else address


def _listen(host: str, port: int) -> socket.socket:
    """Listen before any network is loaded, so that a taken port is reported at once."""
    check_number("port", port, least=0, most=65535)
    is_v6 = ":" in host
    family = socket.AF_INET6 if is_v6 else socket.AF_INET
    dual = is_v6 and socket.has_dualstack_ipv6()
    try:
        # From now on clients wait instead of being refused.
        return socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=dual)
    except OSError as error:
        reason = str(error.strerror).partition(" (while")[0]  # create_server adds the address
        raise ValueError(
            f"host and port must be free to listen on, {host}:{port} is not ({reason}); "
            "give another --port or --host"
        ) from None
