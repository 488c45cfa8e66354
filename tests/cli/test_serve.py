import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

from export_cards import small_recognizer
from motionlens.serving import server

NETWORK = {"widths": [4, 8, 8, 8], "modules": {"res3": 1}, "k": 2}


@pytest.fixture
def run(tmp_path):
    small_recognizer("cpnet_nano", NETWORK, size=32).save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def test_it_serves_until_it_is_interrupted_and_leaves_nothing(run, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "motionlens", "serve", run, "--port", "0", "--device", "cpu"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            first, who, line = (process.stdout.readline() for _ in range(3))
            assert first == "cpnet_nano on cpu, 3 labels: move_left, move_right, static\n"
            assert "only this machine can open the page; --host 0.0.0.0 lets in everyone" in who
            found = re.fullmatch(r"the page is at (http://127\.0\.0\.1:\d+/) - Ctrl\+C .*\n", line)
            with urllib.request.urlopen(f"{found.group(1)}healthz", timeout=60) as answer:
                assert answer.read() == b'{"status":"ok"}'
            assert len(list(folder.glob("motionlens-*"))) == 1
            request = urllib.request.Request(found.group(1), headers={"Host": "elsewhere.example"})
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(request, timeout=60)
        finally:
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, "stopped\n", "")
    assert list(folder.glob("motionlens-*")) == []


def test_a_port_that_is_taken_is_told_of_before_anything_is_loaded(motionlens_command):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = motionlens_command("serve", "nowhere", "--port", port)
    assert status == 2
    assert re.fullmatch(
        rf"motionlens: error: host and port must be free to listen on, 127.0.0.1:{port} is not "
        r"\(Address already in use\); give another --port or --host\n",
        err,
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "--port", "70000"], "port must be at least 0 and at most 65535, got 70000"),
        (["x", "--max_batch", "0"], "max_batch must be a whole number of at least 1, got 0"),
        (["x", "--max-upload-mb", "-1"], "max_upload_mb must be above 0 and below inf, got -1"),
        (["nowhere", "--port", "0"], "nowhere does not exist; give a folder that"),
    ],
)
def test_wrong_arguments_are_told_of_in_one_line(motionlens_command, arguments, message):
    status, _, err = motionlens_command("serve", *arguments)
    assert status == 2
    assert err.startswith(f"motionlens: error: {message}")
    assert err.count("\n") == 1


def test_a_missing_package_is_named_with_its_extra(motionlens_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    status, _, err = motionlens_command("serve", "x")
    assert status == 2
    assert err.endswith("pip install '.[serve]'\n")


@pytest.mark.parametrize(
    ("host", "network", "expected"),
    [
        (
            "0.0.0.0",
            "10.1.2.3",
            r"http://127\.0\.0\.1:\d+/, for other machines at http://10\.1\.2\.3:",
        ),
        ("::", "10.1.2.3", r"http://127\.0\.0\.1:\d+/, for other machines at http://10\.1\.2\.3:"),
        (
            "0.0.0.0",
            None,
            r"http://127\.0\.0\.1:\d+/ - Ctrl\+C ends it\n.* no address in a network",
        ),
        ("192.168.1.5", "10.1.2.3", r"http://192\.168\.1\.5:\d+/ - Ctrl"),
        ("::1", "10.1.2.3", r"only this machine .*\n.* http://\[::1\]:\d+/ - Ctrl"),
        ("localhost", "10.1.2.3", r"only this machine .*\n.* http://localhost:\d+/ - Ctrl"),
    ],
)
def test_it_says_where_the_page_is_and_who_can_open_it(monkeypatch, run, host, network, expected):
    monkeypatch.setattr(server, "_network_address", lambda: network)
    bound = "127.0.0.1" if host == "localhost" else host
    listener = SimpleNamespace(getsockname=lambda: (bound, 8000))
    monkeypatch.setattr(server, "_listen", lambda *_: nullcontext(listener))
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    lines = []
    server.serve(run, host=host, device="cpu", say=lines.append)
    text = "\n".join(lines)
    assert re.search(expected, text), text
    is_open = host in ("0.0.0.0", "::", "192.168.1.5")
    assert ("no password and no encryption" in text) == is_open
    assert "Recognizer(" not in text


TOKEN = "a-secret-of-many-letters"


@pytest.mark.parametrize(
    ("host", "token", "hosts", "words"),
    [
        ("127.0.0.1", None, ("127.0.0.1", "localhost", "[::1]"), "unless --token is given, pass"),
        ("127.0.0.2", None, ("127.0.0.1", "localhost", "[::1]"), "only this machine can open"),
        ("::1", TOKEN, ("[::1]",), "only this machine can open .*, who has the token"),
        ("192.168.1.5", TOKEN, ("*",), "who reaches this machine and has the token"),
        ("192.168.1.5", None, ("*",), "no encryption; set .*MOTIONLENS_TOKEN"),
    ],
)
@pytest.mark.parametrize("is_in_environment", [True, False])
def test_token_and_names_reach_the_application_and_no_line(
    monkeypatch, run, host, token, hosts, words, is_in_environment, capfd
):
    listener = SimpleNamespace(getsockname=lambda: (host, 8000))
    monkeypatch.setattr(server, "_listen", lambda *_: nullcontext(listener))
    served = []
    monkeypatch.setattr("uvicorn.Server.run", lambda self, **_: served.append(self.config.app))
    monkeypatch.delenv("MOTIONLENS_TOKEN", raising=False)
    if token and is_in_environment:
        monkeypatch.setenv("MOTIONLENS_TOKEN", token)
    lines = []
    given = None if is_in_environment else token
    server.serve(run, host=host, device="cpu", token=given, say=lines.append)
    (guard,) = [each.kwargs for each in served[0].user_middleware if "token" in each.kwargs]
    assert guard["token"] == token
    assert set(hosts) <= set(guard["hosts"])
    assert ("*" in guard["hosts"]) == ("*" in hosts)
    text = "\n".join(lines)
    assert re.search(words, text), text
    assert TOKEN not in text + "".join(capfd.readouterr())


@pytest.mark.parametrize("token", ["", "short", "\x1b[31m" * 9])
@pytest.mark.parametrize("name", ["--token", "MOTIONLENS_TOKEN"])
def test_a_token_that_cannot_be_used_is_no_open_door(
    motionlens_command, monkeypatch, run, name, token
):
    monkeypatch.setenv("MOTIONLENS_TOKEN", token if name == "MOTIONLENS_TOKEN" else TOKEN)
    given = ["--token", token] if name == "--token" else []
    status, _, err = motionlens_command("serve", run, "--port", "0", *given)
    assert status == 2
    assert err.startswith(f"motionlens: error: {name} must have at least 16 letters, ")
    assert err.count("\n") == 1
    assert not token or token not in err


def test_an_address_in_the_network_is_no_local_one():
    found = server._network_address()
    assert found is None or ipaddress.ip_address(found).is_loopback is False
