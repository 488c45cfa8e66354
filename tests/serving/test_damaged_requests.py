"""Requests that no HTTP library sends: each is answered, and none leaves a trace in the log."""

import io
import json
import logging
import re
import struct

import pytest
from fastapi.testclient import TestClient
from PIL import Image, PngImagePlugin

from motionlens.serving.app import create_app
from motionlens.serving.config import ServingConfig
from raw_client import BOUNDARY, END, answer_of, connect, head, part, wait_for

# Of a part whose end never comes; Starlette leaves it to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:Unclosed file <tempfile.Spool:ResourceWarning")


@pytest.fixture(scope="module")
def address(recognizer, serve):
    config = ServingConfig(client_timeout_s=2, max_upload_mb=4)
    with serve(create_app(recognizer, config), config) as address:
        yield address


@pytest.fixture
def content(clips):
    return clips["static"].read_bytes()


def take(address, *pieces):
    """What a server answers to bytes, the rest of which never comes."""
    with connect(address) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return answer_of(connection)


def refused(address, caplog, *pieces, status=400):
    caplog.clear()
    found, text = take(address, *pieces)
    assert found == status, (found, text)
    error = json.loads(text)["error"]
    assert error
    assert error.isprintable()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    assert take(address, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")[0] == 200
    return error


CHUNKED = head(headers=["Transfer-Encoding: chunked"])


@pytest.mark.parametrize(
    "chunks",
    [
        b"no number\r\n",
        b"-5\r\nhello\r\n",
        b"fffffffffffffffffffffffffffff\r\n",
        b"5\r\nhello!!\r\n",
        b"5\r\nhello\r\nno number\r\n",
        b"1" * 70_000,
        b"0\r\nx" + b"y" * 70_000,
    ],
)
def test_damaged_chunks(address, caplog, chunks):
    assert "not valid HTTP" in refused(address, caplog, CHUNKED, chunks)


@pytest.mark.parametrize(
    "start",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\n\n\r\n HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # without a host
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \x1b[31m\x00\r\n\r\n",
        b"GET /\x1b[31m HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100_000,
        b"GET /" + b"a" * 300_000,
        head(headers=["Content-Length: 5", "Content-Length: 6"]),
        head(headers=["Content-Length: -5"]),
        head(headers=["Content-Length: 5, 6"]),
        head(headers=["Content-Length: five"]),
        head(headers=["Transfer-Encoding: gzip"]),
        head(headers=["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
    ],
)
def test_what_is_no_http(address, caplog, start):
    with connect(address) as connection:
        connection.settimeout(60)
        caplog.clear()
        try:
            connection.sendall(start)
        except ConnectionError:  # refused before its end
            pass
        status, text = answer_of(connection)
    assert status in (400, 404, 501, None)
    assert status is None or json.loads(text)["error"].isprintable()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_length_that_is_too_small(address, caplog, content):
    body = part(content) + END
    refused(address, caplog, head(length=len(body) // 2), body, status=422)


def test_a_length_that_is_too_large(address, caplog, content):
    body = part(content) + END
    error = refused(address, caplog, head(length=len(body) + 5), body, status=408)
    assert "did not arrive within 2 s" in error


def test_a_length_beyond_all_limits_is_refused_unread(address, caplog):
    error = refused(address, caplog, head(length=10**19), b"x", status=413)
    assert "at most 4 MB" in error
    # A client that asks first is told at once.
    asking = head(length=10**9, headers=["Expect: 100-continue"])
    assert take(address, asking)[0] == 413


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ("multipart/form-data; boundary=other", 400),
        (f"multipart/form-data; boundary={'x' * 500}", 400),
        (f"multipart/form-data; boundary={BOUNDARY}; charset=nowhere", 200),
        (f"multipart/form-data; boundary={BOUNDARY}; charset=rot13", 200),
        (f"multipart/form-data; boundary={BOUNDARY}; charset=zlib", 200),
        ("application/json", 422),
        ("text/plain; charset=\xff", 422),
        ("application/x-www-form-urlencoded", 422),
        ("", 422),
    ],
)
def test_kinds_of_bodies(address, caplog, content, kind, status):
    body = part(content) + END
    with connect(address) as connection:
        start = head(length=len(body), headers=[f"Content-Type: {kind}"]).decode()
        connection.sendall(start.encode("latin-1") + body)
        found, text = answer_of(connection)
    assert found in (status, 400, 422) if status != 200 else found == 200, (found, text)
    assert found == 200 or json.loads(text)["error"].isprintable()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_parts_by_the_thousand(address, caplog, content):
    for body in (
        part(content) + b"".join(part(b"", f"x{n}") for n in range(5000)) + END,
        part(content) * 2000 + END,
        b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'.encode()
            for _ in range(5000)
        )
        + END,
    ):
        assert "Too many" in refused(address, caplog, head(length=len(body)), body)


@pytest.mark.parametrize(
    "lines",
    [
        b"X: y\r\n" * 5000,
        b"X: " + b"y" * 500_000 + b"\r\n",
        b"Content-Disposition: form-data\r\n",
        b'Content-Disposition: form-data; name="' + b"a" * 100_000 + b'"\r\n',
        b"\xff\xfe: \r\n",
        b"no colon\r\n",
        b"",
    ],
)
def test_heads_of_parts(address, caplog, lines):
    body = f"--{BOUNDARY}\r\n".encode() + lines + b"\r\nx\r\n" + END
    refused(address, caplog, head(length=len(body)), body)


def test_a_body_that_ends_too_early(address, caplog, content):
    for body in (part(content), part(content)[:-100], f"--{BOUNDARY}".encode(), b"", b"\r\n"):
        found, text = take(address, head(length=len(body)), body)
        assert found in (400, 422), (found, text)
        assert json.loads(text)["error"].isprintable()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_requests_that_follow_without_waiting(address, content):
    body = part(content) + END
    requests = (head(length=len(body)) + body) * 3 + b"GET /healthz HTTP/1.1\r\nHost: a\r\n"
    with connect(address) as connection:
        connection.sendall(requests + b"Connection: close\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.1 200") == 4
    assert received.endswith(b'{"status":"ok"}')


def test_what_follows_a_refused_request_is_no_request_of_its_own(address, caplog):
    # The body of the first looks like a second one.
    hidden = b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    with connect(address) as connection:
        connection.sendall(head(length=len(hidden) + 10**6, headers=["Origin: http://e"]) + hidden)
        status, text = answer_of(connection)
    assert (status, "motionlens_requests" in text) == (403, False)


@pytest.mark.parametrize("at", [0, 1, 100, 1000])
def test_clients_that_leave_in_the_middle(address, caplog, content, at):
    body = part(content) + END
    for start in (head(length=len(body)), CHUNKED + b"%x\r\n" % len(body)):
        with connect(address) as connection:
            connection.sendall(start + body[:at])
            # Without waiting for the other side: it gets a reset.
            connection.setsockopt(1, 13, struct.pack("ii", 1, 0))
        with connect(address) as connection:
            connection.sendall((start + body)[: len(start) - 1])
    wait_for(lambda: take(address, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")[0] == 200)
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


NAMES = [
    "two\nlines.mp4",
    "esc\x1b[2J.mp4",
    "\udcff\udcfe.mp4",
    "\u202egpj.mp4",
    "\x00.mp4",
    '"',
    "\r",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_answered_on_one_line(address, caplog, capfd, name):
    for field in ("file", name):
        body = part(b"no video", field, name) + END
        found, text = take(address, head(length=len(body)), body)
        assert found in (400, 422)
        error = json.loads(text)["error"]
        assert error.isprintable()
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("value", ["5\n", "\x1b[31m", "1" * 5000, "nan", "1e400", "-0", "\x00"])
def test_values_are_answered_on_one_line(recognizer, clips, value):
    file = {"file": ("a.mp4", clips["static"].read_bytes())}
    with TestClient(create_app(recognizer)) as client:
        for path, field in (("/predict", "top"), ("/explain", "k"), ("/explain", "pictures")):
            answer = client.post(path, files=file, data={field: value})
            assert answer.status_code in (200, 422)
            assert "error" not in answer.json() or answer.json()["error"].isprintable()


def test_files_that_are_no_video_whatever_they_are_called(address, caplog):
    for name in ("art.txt", "art.mp4"):
        for text in (b"\x1b[31mA\x1b[0m\n" * 500, b"ffconcat version 1.0\nfile /etc/passwd\n"):
            body = part(text, filename=name) + END
            error = refused(address, caplog, head(length=len(body)), body, status=422)
            assert re.match(rf"{name}: is not a video", error)


def test_pictures_with_texts_that_expand(recognizer):
    """A PNG whose text expands to 100 MB, and one whose profile does."""
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "x" * 10**8, zip=True)
    text, profile = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (32, 32)).save(text, "PNG", pnginfo=info)
    Image.new("RGB", (32, 32)).save(profile, "PNG", icc_profile=b"x" * 10**8)
    with TestClient(create_app(recognizer)) as client:
        for bomb in (text.getvalue(), profile.getvalue()):
            files = [("files", ("a.png", bomb))] * client.get("/model").json()["pictures"]
            answer = client.post("/predict/pictures", files=files)
            assert answer.status_code in (200, 422)
            assert answer.status_code == 200 or answer.json()["error"].startswith("picture 0: ")
