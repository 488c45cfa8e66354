import json
import re
import subprocess
import sys

import pytest

from motionlens.cli.info import NUM_CLASSES, list_rows
from motionlens.models import profile, registry
from motionlens.ops import compiled


def stored(motionlens_command):
    status, out, _ = motionlens_command("info")
    assert status == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    return [row for row in rows if row]


def test_the_list_has_every_model(motionlens_command):
    names = [row[0] for row in stored(motionlens_command)]
    assert names == sorted(registry.list_models())


@pytest.mark.parametrize("name", ["cpnet_nano", "two_stream_nano", "toy_nl"])
def test_what_is_listed_is_what_is_counted(name, motionlens_command, monkeypatch):
    monkeypatch.setattr(registry, "list_models", lambda: [name])
    assert NUM_CLASSES == profile.KINETICS_CLASSES
    assert list_rows(NUM_CLASSES)[0] in stored(motionlens_command)


def test_the_list_needs_no_torch():
    code = (
        "import sys, json; from motionlens.cli.main import main; status = main(['info']); "
        "print(json.dumps([status, 'torch' in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [0, False]


@pytest.mark.parametrize(("found", "said"), [(compiled, "one pass"), (None, "plain")])
def test_which_search_runs(found, said, motionlens_command, monkeypatch):
    monkeypatch.setattr(compiled, "numba_module", lambda name: found)
    status, printed, _ = motionlens_command("info", "cpnet_nano")
    assert status == 0
    assert re.search(rf"^CPU search +{said}", printed, re.M)
