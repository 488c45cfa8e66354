import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from export_cards import small_recognizer

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
            assert process.stdout.readline() == "Recognizer(cpnet_nano, 3 classes, device=cpu)\n"
            line = process.stdout.readline()
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
