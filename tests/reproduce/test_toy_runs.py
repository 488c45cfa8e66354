import json

import pytest
from filelock import FileLock

from motionlens.reproduce import runtime, toy, toy_jobs
from motionlens.reproduce.toy import System, ToyRun

# Other processes know nothing of what a test replaces.
ALONE = ("--jobs", 1)


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Few videos, one epoch, three systems."""
    monkeypatch.setattr(toy, "NUM_TRAIN", 64)
    small = {
        "options": {"strides": (2, 2), "widths": (4, 8)},
        "wide": {"strides": (4, 2)},
        "epochs": (1, 1),
    }
    systems = {
        "cpnet": System(model="toy_cpnet", summary="proposals", **small),
        "c2d": System(model="toy_c2d", summary="frames", **small),
        "c3d": System(model="toy_c3d", summary="volumes", canvases=("box",), **small),
    }
    monkeypatch.setattr(toy, "SYSTEMS", systems)
    monkeypatch.setattr(toy_jobs, "SYSTEMS", systems)
    from motionlens.reproduce import toy_report

    monkeypatch.setattr(toy_report, "SYSTEMS", systems)


def results(out):
    return json.loads((out / "results.json").read_text())


def test_toy_goes_on_where_it_was(tmp_path, motionlens_command, monkeypatch):
    out = tmp_path / "out"
    train, trained = toy_jobs.train_system, []

    def interrupted(name, **options):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((name, options["canvas"], options["seed"]))
        return train(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(toy_jobs, "train_system", interrupted)
        status, _, _ = motionlens_command("reproduce", "toy", "--out", out, "--seeds", 2, *ALONE)
    assert status == 130
    assert trained == [("cpnet", "box", 0), ("cpnet", "box", 1), ("c2d", "box", 0)]
    assert (results(out)["planned_runs"], results(out)["finished_runs"]) == (10, 3)
    before = results(out)["runs"][0]

    def counted(name, **options):
        trained.append((name, options["canvas"], options["seed"]))
        return train(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(toy_jobs, "train_system", counted)
        status, _, _ = motionlens_command("reproduce", "toy", "--out", out, "--seeds", 2, *ALONE)
    assert status == 0
    # Nothing was trained twice; one canvas comes after the other.
    assert len(trained) == len(set(trained)) == 10
    assert [canvas for _, canvas, _ in trained] == ["box"] * 6 + ["wide"] * 4
    found = results(out)
    assert found["finished_runs"] == 10
    assert found["runs"][0] == before
    page = (out / "results.md").read_text()
    assert "|  | parameters | box | box, left/right | box, up/down | wide |" in page
    for system in ("cpnet", "c2d", "c3d"):
        assert f"| {system} |" in page
    assert {path.name for path in out.glob("*.png")} == {
        "results.png", "proposals_box.png", "proposals_wide.png",
    }  # fmt: skip
    cell = found["cells"][0]
    assert (cell["row"], cell["column"]) == ("cpnet", "box")
    assert cell["interval"][0] <= cell["mean"] <= cell["interval"][1]


def test_a_folder_is_worked_in_by_one_call(tmp_path, motionlens_command):
    out = tmp_path / "out"
    options = ["--canvas", "box", "--models", "c2d", "--seeds", 1, *ALONE]
    out.mkdir()
    with FileLock(out / ".lock"):
        status, _, err = motionlens_command("reproduce", "toy", "--out", out, *options)
    assert status == 2
    assert "must not be worked in by two calls, and another one is under way" in err
    assert not (out / "plan.json").exists()
    assert motionlens_command("reproduce", "toy", "--out", out, *options)[0] == 0


def test_one_canvas_and_some_systems(tmp_path, motionlens_command):
    out = tmp_path / "out"
    options = ["--canvas", "wide", "--models", "c2d", "--seeds", 1, *ALONE]
    assert motionlens_command("reproduce", "toy", "--out", out, *options)[0] == 0
    assert [run["name"] for run in results(out)["runs"]] == ["wide_c2d_s0"]
    status, _, err = motionlens_command("reproduce", "toy", "--out", out, "--models", "c2")
    assert status == 2
    assert "did you mean 'c2d'?" in err


def test_a_stored_run_says_which_videos_are_wrong(tmp_path, motionlens_command):
    out = tmp_path / "out"
    options = ["--canvas", "box", "--models", "c2d", "--seeds", 1, *ALONE]
    motionlens_command("reproduce", "toy", "--out", out, *options)
    note = json.loads((out / "runs" / "box_c2d_s0" / "reproduced.json").read_text())
    run = ToyRun.from_dict(note["run"])
    assert run.validation[-1] == pytest.approx(1 - len(run.wrong) / 200)
    assert all(isinstance(step, int) for step in run.by_step)


def test_a_failing_system_leaves_the_others(tmp_path, motionlens_command, monkeypatch):
    train = toy_jobs.train_system

    def failing(name, **options):
        if name == "c2d":
            raise ValueError("the loss is no number")
        return train(name, **options)

    monkeypatch.setattr(toy_jobs, "train_system", failing)
    out = tmp_path / "out"
    options = ["--canvas", "box", "--seeds", 1, *ALONE]
    status, printed, _ = motionlens_command("reproduce", "toy", "--out", out, *options)
    assert status == 1
    assert "- box_c2d_s0: the loss is no number" in printed
    assert {cell["row"] for cell in results(out)["cells"]} == {"cpnet", "c3d"}


def test_offset_scales_without_data(tmp_path, motionlens_command):
    out = tmp_path / "out"
    options = ["--canvas", "box", "--seeds", 1, *ALONE, "--models", "scale1", "scale16"]
    status, _, err = motionlens_command("reproduce", "offset-scale", "--out", out, *options)
    assert status == 0, err
    assert [cell["row"] for cell in results(out)["cells"]][::3] == ["scale 1", "scale 16"]
    card = json.loads((out / "runs" / "box_scale1_s0" / "config.json").read_text())
    assert card["options"]["offset_scale"] == 1


def test_visualise_without_data(tmp_path, motionlens_command):
    out = tmp_path / "out"
    status, _, err = motionlens_command(
        "reproduce", "visualise", "--out", out, "--canvas", "box", *ALONE
    )
    assert status == 0, err
    assert (out / "proposals_box.png").stat().st_size > 5000
    assert (out / "proposals_box_pixels.png").stat().st_size > 5000
    found = results(out)
    assert set(found["landing"]) == {"box_cpnet_s0", "box_cpnet_acellapixel_s0"}
    assert [cell["row"] for cell in found["cells"] if cell["column"] == "box, on the block"] == [
        "cpnet", "cpnet, a cell a pixel",
    ]  # fmt: skip


def test_runtime(tmp_path, motionlens_command, monkeypatch):
    monkeypatch.setattr(runtime, "_BACKBONE", "nano")
    monkeypatch.setattr(runtime, "_SIZE", 32)
    monkeypatch.setitem(runtime._SECONDS, "small", 0.01)
    out = tmp_path / "out"
    options = ["--device", "cpu", "--models", "c2d", "cpnet"]
    status, printed, err = motionlens_command("reproduce", "runtime", "--out", out, *options)
    assert status == 0, err
    found = results(out)
    assert [run["name"] for run in found["runs"]] == [
        "c2d_nano_8", "c2d_nano_32", "cpnet_nano_8", "cpnet_nano_32",
    ]  # fmt: skip
    run, cell = found["runs"][0], found["cells"][0]
    assert cell["mean"] == pytest.approx(1e3 / run["median_ms"])
    (line,) = [text for text in printed.splitlines() if text.startswith("| CPNet |")]
    assert line.endswith("| 10.1 | 3.9 |")
    assert (out / "results.png").is_file()
    _, _, err = motionlens_command("reproduce", "runtime", "--out", out, *options)
    assert err.count("(was there)") == 4
