"""A client that speaks to a server by its socket, as no library would."""

import re
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

BOUNDARY = "bound"


def connect(address, *, source="127.0.0.1"):
    """A connection to a server, from one of this machine's many own addresses."""
    place = urlsplit(address)
    return socket.create_connection(
        (place.hostname, place.port), timeout=60, source_address=(source, 0)
    )


def head(path="/predict", *, length=None, headers=()):
    """The beginning of an upload."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers]
    if not any("content-type" in line.lower() for line in headers):
        lines.append(f"Content-Type: multipart/form-data; boundary={BOUNDARY}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


def part(content, name="file", filename="a.mp4"):
    """A field of a form, with a file."""
    disposition = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"'
    start = f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode("utf-8", "surrogateescape")
    return start + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


def answer_of(connection):
    """Status and text that came before the server closed the connection; None for neither."""
    received, size = b"", None
    with suppress(ConnectionError):
        while size is None or len(received) < size:
            piece = connection.recv(65536)
            if not piece:
                break
            received += piece
            start, end, _ = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: (\d+)", start)
            size = len(start + end) + int(length[1]) if end and length else None
    found = re.match(rb"HTTP/1.1 (\d+)", received)
    return (
        (int(found[1]), received[:size].partition(b"\r\n\r\n")[2].decode()) if found else (None, "")
    )


def is_open(connection):
    """Whether the server has not closed it."""
    connection.setblocking(False)
    try:
        while connection.recv(65536):
            pass
        return False
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    finally:
        connection.settimeout(60)


def wait_for(condition):
    """Wait until it holds, a minute at most."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come to that")
