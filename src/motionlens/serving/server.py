"""Run the web application in this process."""

import ipaddress
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
_TOKEN = "MOTIONLENS_TOKEN"
# Open files that are asked of the system: connections, and uploads on their way.
_FILES = 4096
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
    token: str | None = None,
    public_host: str | None = None,
    config: ServingConfig | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page of a recognizer until Ctrl+C.

    Args:
        source: anything that :meth:`motionlens.Recognizer.from_pretrained` takes.
        host: address to listen on; ``0.0.0.0`` lets other machines in.
        port: port to listen on; 0 takes a free one.
        device: where to run; auto takes an accelerator if there is one.
        k: proposals per position, instead of the model's own.
        seconds: length of a clip, instead of the recognizer's own.
        token: a secret that requests must bring along; None for that of the environment variable
            MOTIONLENS_TOKEN, which other users of this machine cannot see, and for none.
        public_host: host name by which a proxy on this machine is asked, such as
            motion.example; what the proxy says of its clients' addresses is believed.
        config: limits; ``ServingConfig()`` if None.
        say: called with lines about the recognizer, who can open the page and its address, and at
            the end.

    Raises:
        ValueError: If the port is out of range or taken, the token is too short, or the recognizer
            cannot be loaded.
        ImportError: If a package of the extra ``serve`` is not installed.
    """
    for package in ("fastapi", "prometheus_client", "python_multipart"):
        require(package, "serve")
    uvicorn = require("uvicorn", "serve")
    from motionlens.serving.app import create_app
    from motionlens.serving.connections import uvicorn_settings

    config = config or ServingConfig()
    token = _checked_token(token)
    # Warnings about an upload are part of its answer.
    warnings.filterwarnings("ignore", category=VideoWarning)
    with _listen(host, port) as listener:
        recognizer = Recognizer.from_pretrained(source, device=device, k=k, seconds=seconds)
        address, bound_port = listener.getsockname()[:2]
        is_local = ipaddress.ip_address(address).is_loopback
        name = f"[{host}]" if ":" in host else host
        app = create_app(
            recognizer,
            config,
            allowed_hosts=(*_LOCAL_NAMES, name) if is_local else ("*",),
            public_host=public_host,
            token=token,
        )
        most = min(config.max_connections, _most_files() // 2)
        settings = uvicorn_settings(app, config, most, is_behind_proxy=public_host is not None)
        server = uvicorn.Server(settings)
        say(_described(recognizer))
        for line in _addresses(name, bound_port, is_local=is_local, has_token=token is not None):
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


def _checked_token(token: str | None) -> str | None:
    """The token that is given, or that of the environment.

    Raises:
        ValueError: If it is too short or cannot be sent in a header; without saying what it is.
    """
    given = ("--token", token) if token is not None else (_TOKEN, os.environ.get(_TOKEN))
    name, token = given
    if token is not None:
        from motionlens.serving.guard import check_token  # needs starlette

        check_token(name, token)
    return token


def _most_files() -> int:
    """How many files and connections this process may have open, once it has asked for more."""
    try:
        import resource
    except ImportError:  # Windows
        return 2**16
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return _FILES if soft == resource.RLIM_INFINITY else soft


def _addresses(name: str, port: int, *, is_local: bool, has_token: bool) -> Iterator[str]:
    """Who can open the page, and where: lines to print.

    Args:
        name: what the server listens on, as it stands in an address.
        port: the port.
        is_local: whether this machine alone can reach it.
        has_token: whether requests must bring a token along.
    """
    if is_local:
        yield (
            "only this machine can open the page; --host 0.0.0.0 lets in everyone who reaches this "
            "machine, without encryption"
            + (", who has the token" if has_token else " and, unless --token is given, password")
        )
        yield f"the page is at http://{name}:{port}/ - Ctrl+C ends it"
        return
    if has_token:
        yield "everyone who reaches this machine and has the token can use it; no encryption"
    else:
        yield (
            "everyone who reaches this machine can open the page: it has no password and no "
            "encryption; set the environment variable MOTIONLENS_TOKEN to ask for a token"
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
