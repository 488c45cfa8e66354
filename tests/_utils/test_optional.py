import sys

import pytest

from motionlens._utils.optional import require


def test_what_is_there_is_imported():
    assert require("json", "export") is sys.modules["json"]


def test_what_is_missing_is_named_with_its_extra():
    with pytest.raises(ImportError, match=r"^nix_nowhere is needed .*'\.\[serve\]'$"):
        require("nix_nowhere", "serve")


def test_a_broken_package_keeps_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "half_there.py").write_text("import nix_nowhere")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="No module named 'nix_nowhere'"):
        require("half_there", "export")
