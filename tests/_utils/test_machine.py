import json

import torch

from motionlens._utils.machine import machine, versions
from motionlens._utils.version import __version__


def test_a_machine_is_described_in_plain_values():
    found = machine(torch.device("cpu"))
    assert found["torch"] == torch.__version__
    assert found["device"].endswith("cores")
    assert json.loads(json.dumps(found)) == found


def test_versions_name_what_decides_a_run():
    found = versions()
    assert found["motionlens"] == __version__
    assert None not in [found[package] for package in ("torch", "lightning", "kornia", "av")]
