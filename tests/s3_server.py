"""An S3 interface on this machine, and a proxy before it that drops, cuts and refuses."""

import http.client
import logging
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


class FaultyProxy(ThreadingHTTPServer):
    """Hands requests on to a server, one a connection.

    Attributes:
        faults: what to do with the next requests: None to hand one on, or a name of ``_Handler``.
        every: the same for every so many of them, by the number.
        counts: how often each was done.
    """

    daemon_threads = True

    def __init__(self, host, port):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = host, port
        self.reset()

    def reset(self):
        self.faults, self.every, self.counts, self.requests = [], {}, {}, []

    def fault(self, line):
        self.requests.append(line)
        if self.faults:
            return self.faults.pop(0)
        number = len(self.requests)
        return next((what for n, what in self.every.items() if number % n == 0), None)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_):
        """Clients leave as they like."""


class _Handler(BaseHTTPRequestHandler):
    def handle_any(self):
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        what = self.server.fault(self.requestline)
        self.server.counts[what] = self.server.counts.get(what, 0) + 1
        self.close_connection = True
        if what == "drop":
            return
        if what == "slow":
            self.answer(503, {"Content-Type": "application/xml"}, SLOW_DOWN, len(SLOW_DOWN))
            return
        upstream = http.client.HTTPConnection(*self.server.upstream)
        upstream.request(self.command, self.path, body, dict(self.headers))
        response = upstream.getresponse()
        content = response.read()
        headers = dict(response.headers)
        size = int(headers.pop("Content-Length", len(content)))
        headers.pop("Transfer-Encoding", None)
        if what == "cut":
            content = content[: len(content) // 2]
        self.answer(response.status, headers, content, size)
        upstream.close()

    def answer(self, status, headers, content, size):
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any  # noqa: N815


class Store:
    """A bucket, behind the proxy."""

    def __init__(self, proxy, direct):
        import boto3

        self.proxy = proxy
        self._client = boto3.client(
            "s3",
            endpoint_url=direct,
            region_name="us-east-1",
            aws_access_key_id="k",
            aws_secret_access_key="s",
        )
        self._client.create_bucket(Bucket="bucket")

    def put(self, path, content):
        self._client.put_object(Bucket="bucket", Key=path, Body=content)

    def copy(self, folder, to):
        """Put all files of a folder of this machine; returns the address."""
        for path in sorted(Path(folder).rglob("*")):
            if path.is_file():
                self.put(f"{to}/{path.relative_to(folder).as_posix()}", path.read_bytes())
        return f"s3://bucket/{to}"


@contextmanager
def running_store():
    """A store as long as the block lasts."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    proxy = FaultyProxy(host, port)
    threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield Store(proxy, f"http://{host}:{port}")
    finally:
        proxy.shutdown()
        proxy.server_close()
        server.stop()
