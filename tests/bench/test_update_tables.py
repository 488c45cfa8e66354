import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def script():
    path = ROOT / "benchmarks" / "update_tables.py"
    spec = importlib.util.spec_from_file_location("update_tables", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_show_the_stored_results(script):
    shown = set()
    for page in script.PAGES:
        text = (ROOT / page).read_text()
        assert script.updated(text) == text, "run: python benchmarks/update_tables.py"
        shown |= {name for name in script.tables() if f"<!-- {name} -->" in text}
    assert shown == set(script.tables())


@pytest.mark.slow
def test_the_list_of_models_is_as_counted(script):
    assert script.SIZES.read_text() == script.sizes(), "run: python benchmarks/update_tables.py"
