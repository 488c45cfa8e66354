import json

import pytest

from motionlens.bench import suites
from motionlens.bench.report import load, markdown


@pytest.mark.slow
def test_every_suite_runs_and_leaves_its_results(tmp_path, motionlens_command, monkeypatch):
    monkeypatch.setattr(suites, "SIZES", [(4, 32)])
    monkeypatch.setattr(suites, "SMALL_BATCH", 1)
    status, _, err = motionlens_command(
        "bench", "--quick", "--seconds", "0.01", "--out", tmp_path / "bench", "--device", "cpu"
    )
    assert status == 0
    assert "module, inference: res4 8x14x14, 256 channels" in err
    results, about = load(tmp_path / "bench" / "results.json")
    assert about["torch"]
    groups = {result["group"] for result in results}
    assert groups == {
        "search, k 8",
        "module, inference",
        "module, forward and backward",
        "ResNet-34, inference",
        "ResNet-34, training step",
        "stream",
        "nano, inference",
        "nano, training step",
        "loading",
    }
    for result in results:
        assert all(found["median_ms"] > 0 for found in result["measured"].values())
    search, modules, training = (result["measured"] for result in results[:3])
    assert set(search) == {"cpnet", "product", "product, mask, topk"}
    assert set(modules) == {"cpnet", "plain", "non-local", "product"}
    assert modules["cpnet"]["peak_mb"] < modules["plain"]["peak_mb"] / 2
    assert training["cpnet"]["peak_mb"] < training["plain"]["peak_mb"] / 3
    text = (tmp_path / "bench" / "tables.md").read_text()
    assert text == markdown(results)
    assert "| res4 8x14x14, 256 channels |" in text
    assert json.loads((tmp_path / "bench" / "results.json").read_text())["about"] == about


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--suite", "op"], "argument --suite: invalid choice: 'op'"),
        (["--seconds", "0"], "seconds must be above 0, got 0"),
        (["--batch_size", "-1"], "batch_size must be above 0, got -1"),
    ],
)
def test_refusals(motionlens_command, options, message):
    status, _, err = motionlens_command("bench", *options)
    assert status == 2
    assert message in err
    assert err.count("\n") == 1


def test_a_folder_in_the_place_of_the_results(tmp_path, motionlens_command):
    (tmp_path / "results.json").mkdir()
    status, _, err = motionlens_command("bench", "--suite", "data", "--out", tmp_path)
    assert status == 2
    assert "out must have room for the file results.json" in err
    assert err.count("\n") == 1
