"""Clients that are slow, many, or leave, at real sockets."""

import asyncio
import contextlib
import logging
import threading
import urllib.request

import pytest

from motionlens.inference.explaining import explain_frames
from motionlens.inference.recognizer import Recognizer
from motionlens.serving.app import create_app
from motionlens.serving.config import ServingConfig
from motionlens.serving.metrics import Metrics
from motionlens.serving.service import Service
from motionlens.serving.upload_limits import client_address
from raw_client import END, answer_of, connect, head, is_open, part, wait_for


@pytest.fixture
def serve_with(recognizer, serve):
    """``with serve_with(max_waiting=3, ...) as address``."""

    @contextlib.contextmanager
    def serving(**limits):
        config = ServingConfig(**limits)
        with serve(create_app(recognizer, config), config) as address:
            yield address

    return serving


@contextlib.contextmanager
def held(address, count, start, *, sources=("127.0.0.1",), every_s=0.3):
    """Connections that begin with ``start`` and then send a byte now and then."""
    with contextlib.ExitStack() as stack:
        connections = [
            stack.enter_context(connect(address, source=sources[number % len(sources)]))
            for number in range(count)
        ]
        ended = threading.Event()

        def trickle():
            while not ended.wait(every_s):
                for connection in connections:
                    with contextlib.suppress(OSError):
                        connection.send(b"x", 0x4000)  # without a signal

        for connection in connections:
            connection.sendall(start)
        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            yield connections
        finally:
            ended.set()
            thread.join()


def ask(address, path="/healthz", body=None, headers=None):
    request = urllib.request.Request(address + path, data=body, headers=headers or {})
    with contextlib.suppress(urllib.error.HTTPError, OSError):
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status
    return None


def predicts(address, clip):
    body = part(clip.read_bytes()) + END
    kind = {"Content-Type": "multipart/form-data; boundary=bound"}
    return ask(address, "/predict", body, kind) == 200


def open_uploads(address):
    return gauge(address, "motionlens_open_uploads")


def gauge(address, name):
    with urllib.request.urlopen(f"{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    lines = text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith(f"{name} ")))


BODY = head(length=10**6) + part(b"")[:-2]


@pytest.mark.parametrize(
    "sources",
    [
        pytest.param(["127.0.0.1"], id="one address"),
        pytest.param([f"127.0.0.{n}" for n in range(1, 128)], id="many", marks=pytest.mark.slow),
    ],
)
def test_clients_that_send_a_byte_now_and_then_keep_nobody_out(serve_with, clips, sources):
    # With the limits that the command has.
    with serve_with() as address, held(address, 128, BODY, sources=sources):
        wait_for(lambda: open_uploads(address) >= 96)
        wait_for(lambda: predicts(address, clips["static"]))
        # The others are not thrown out for it.
        assert open_uploads(address) > 90


def test_a_client_has_no_more_than_its_share(serve_with, clips):
    with serve_with(max_waiting=8, max_per_address=3, client_timeout_s=3) as address:
        # Not slow yet: they wait for nothing.
        with held(address, 8, BODY, sources=["127.0.0.7"]) as connections:
            assert answer_of(connections[-1])[0] in (503, 408)
            assert open_uploads(address) <= 3
            assert predicts(address, clips["static"])


def test_an_upload_that_does_not_arrive_is_given_up(serve_with):
    with serve_with(client_timeout_s=0.5) as address, held(address, 1, BODY) as (connection,):
        status, text = answer_of(connection)
        assert (status, "did not arrive within 1 s" in text or "within 0 s" in text) == (408, True)
        assert open_uploads(address) == 0
        # What it sends afterwards does not keep the connection.
        wait_for(lambda: not is_open(connection))


@pytest.mark.parametrize(
    "start", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: ", b"GET /", b"\r\n" * 3]
)
def test_a_head_that_does_not_arrive_is_given_up(serve_with, start):
    with serve_with(client_timeout_s=0.5) as address:
        with connect(address) as silent, held(address, 1, start) as (slow,):
            silent.sendall(start)
            status, text = answer_of(slow)
            assert status in (400, 408, None)
            assert status is None or "error" in text
            wait_for(lambda: not is_open(slow) and not is_open(silent))


def test_a_client_that_does_not_read_is_given_up(serve_with, clips, monkeypatch):
    monkeypatch.setattr("motionlens.serving.service.explanation_json", endless_answer)
    with serve_with(client_timeout_s=0.5) as address, connect(address) as connection:
        body = part(clips["static"].read_bytes()) + END
        connection.sendall(head("/explain", length=len(body)) + body)
        wait_for(lambda: open_uploads(address) == 1)
        wait_for(lambda: open_uploads(address) == 0)


async def endless_answer(*_):
    while True:
        yield "x" * 10_000
        await asyncio.sleep(0)


def test_more_connections_than_there_may_be_end_the_oldest_that_wait(serve_with, clips):
    with serve_with(max_connections=6) as address:
        with held(address, 20, b"GET / HTTP/1.1\r\nX: ", sources=["127.0.0.9"]) as connections:
            wait_for(lambda: sum(map(is_open, connections)) <= 6)
            assert predicts(address, clips["static"])
            assert ask(address) == 200
            assert any(map(is_open, connections))


class Slow:
    """A recognizer whose network does not answer until it is let go."""

    def __init__(self, recognizer):
        self.go, self.is_armed = threading.Event(), False
        self.recognizer = Recognizer(recognizer.model, recognizer.card)
        network = self.recognizer.network

        def forward(clips):
            assert not self.is_armed or self.go.wait(60)
            return network(clips)

        self.recognizer.network = forward


@pytest.mark.slow
def test_a_clip_is_not_behind_the_explanations_of_another_address(recognizer, clips, monkeypatch):
    begun, permits = [], threading.Semaphore(0)

    def explain(*given, **options):
        begun.append(given)
        assert permits.acquire(timeout=120)
        return explain_frames(*given, **options)

    monkeypatch.setattr("motionlens.serving.service.explain_frames", explain)
    metrics = Metrics()

    async def until(condition):
        async with asyncio.timeout(120):
            while not condition():
                await asyncio.sleep(0.01)

    def waiting():
        return metrics.queue_length.collect()[0].samples[0].value

    async def work():
        service = Service(recognizer, ServingConfig(), metrics)
        with contextlib.ExitStack() as stack:
            stack.callback(service.close)
            files = [stack.enter_context(clips["static"].open("rb")) for _ in range(13)]
            options = {"k": None, "top": 1, "pictures": False, "address": "a"}
            many = [asyncio.create_task(service.explain(f, "x", **options)) for f in files[1:]]
            await until(lambda: begun)
            clip = asyncio.create_task(service.predict(files[0], "x", 1, address="b"))
            await until(lambda: waiting() == 2)  # the second explanation, and the clip
            permits.release()
            await until(lambda: len(begun) == 2)
            permits.release()
            await clip
            permits.release(len(files))
            await asyncio.gather(*many)

    asyncio.run(work())


def test_a_client_that_leaves_gives_its_place_back(recognizer, serve, clips, caplog):
    slow = Slow(recognizer)
    config = ServingConfig(max_waiting=2)
    body = part(clips["static"].read_bytes()) + END
    with serve(create_app(slow.recognizer, config), config) as address:
        slow.is_armed = True
        for sent in (body, body[:500]):
            with connect(address) as one, connect(address) as two:
                for connection in (one, two):
                    connection.sendall(head(length=len(body)) + sent)
                wait_for(lambda: open_uploads(address) == 2)
            wait_for(lambda: open_uploads(address) == 0)
        slow.go.set()
        assert predicts(address, clips["static"])
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_a_server_ends_while_uploads_are_on_their_way(serve_with, caplog):
    with serve_with() as address, held(address, 3, BODY):
        wait_for(lambda: open_uploads(address) == 3)
        caplog.clear()
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


@pytest.mark.parametrize(
    ("client", "address"),
    [
        (("10.0.0.1", 5), "10.0.0.1"),
        (("::ffff:10.0.0.1", 5), "10.0.0.1"),
        (("2001:db8:1:2:3::4", 5), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5), "fe80::/64"),
        (("testclient", 5), "testclient"),
        (None, ""),
    ],
)
def test_a_network_counts_as_one_client(client, address):
    assert client_address({"client": client}) == address
