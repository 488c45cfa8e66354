"""The fuzzing itself: a few inputs of each target, and that every fault is found."""

import tempfile
from collections import Counter
from contextlib import suppress
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import __main__ as fuzzing
from fuzz.guard import Worker
from fuzz.misbehaving import TARGET
from fuzz.mutation import boxes, json_text, mutated, mutated_text, mutated_value
from fuzz.targets import TARGETS

# Takes a server of its own.
_SLOW = pytest.param("onnx", marks=pytest.mark.slow)  # exports networks first
_IN_THIS_PROCESS = [*sorted(TARGETS.keys() - {"http", "onnx"}), _SLOW]


@cache
def seeds_of(name):
    folder = Path(tempfile.mkdtemp(prefix="seeds-"))
    TARGETS[name].seed(folder)
    return folder


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", _IN_THIS_PROCESS)
def test_each_target_is_answered_or_refused(name, tmp_path):
    target = TARGETS[name]

    # Hypothesis draws every choice, and so finds a small one of the inputs at fault.
    @settings(max_examples=8, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(rng=st.randoms(use_true_random=False))
    def check(rng):
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            target.make(rng, seeds_of(name), Path(folder))
            with suppress(target.refusals):
                target.use(rng, Path(folder))

    check()


def test_the_same_number_is_the_same_input(tmp_path):
    worker = Worker("lists", TARGETS["lists"], seeds_of("lists"), tmp_path)
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        worker.make(3, tmp_path / name)
        made.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert made[0] == made[1]


def test_mutation_changes_what_it_is_given():
    video = (seeds_of("videos") / "plain.mp4").read_bytes()
    assert {b"moov", b"trak", b"stbl", b"stco"} <= {kind for _, _, kind in boxes(video)}
    rng = Random(0)
    assert len({mutated(rng, video, [video]) for _ in range(50)}) > 40
    assert len({mutated_text(rng, "path,label\na.mp4,left\n") for _ in range(50)}) > 30
    values = {json_text(rng, mutated_value(rng, {"a": [1, 2], "b": {"c": "d"}})) for _ in range(50)}
    assert len(values) > 20


@pytest.mark.slow
def test_every_fault_is_found(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(TARGETS, "misbehaving", TARGET)
    monkeypatch.setattr(fuzzing, "_DEADLINE_S", 20.0)
    numbers = range(30)
    expected = Counter()
    for number in numbers:
        folder = tmp_path / str(number)
        folder.mkdir()
        Worker("misbehaving", TARGET, tmp_path, tmp_path).make(number, folder)
        expected[(folder / "fault").read_text()] += 1
    found = fuzzing.run_target("misbehaving", numbers, None, 1, tmp_path / "faults")
    same = {"program": "opened", "connection": "opened", "printed": "message", "unnamed": "message"}
    wanted = Counter()
    for fault, count in expected.items():
        wanted[same.get(fault, fault)] += count
    assert found["answers"] == wanted.pop("answer")
    assert found["refusals"] == wanted.pop("refusal")
    assert {kind: count for kind, count in found["faults"].items() if count} == wanted
    assert any((tmp_path / "faults" / "misbehaving").glob("crash-*/fault"))
    assert "misbehaving" in capsys.readouterr().out
