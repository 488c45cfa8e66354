import json
from dataclasses import replace

import pytest
from filelock import FileLock

from motionlens.reproduce import toy_training
from motionlens.reproduce.budgets import BUDGETS
from motionlens.reproduce.grids import EXPERIMENTS

# Other processes know nothing of what a test replaces.
ALONE = ("--jobs", 1)
SMALL = {"epochs": 1, "options": {"strides": [2, 2], "widths": [4, 8]}}
SMALL_WIDE = {"epochs": 1, "options": {"strides": [4, 2], "widths": [4, 8]}}


def shrunk(blocks, canvases=(("box", SMALL), ("wide", SMALL_WIDE))):
    """The blocks of an experiment with networks that are trained in no time."""
    small = dict(canvases)
    return [
        {
            **block,
            "defaults": {**block.get("defaults", {}), **small[block["canvas"]]},
            "rows": {
                label: {**row, "epochs": 1, "options": _small_options(row)}
                for label, row in block["rows"].items()
            },
        }
        for block in blocks
    ]


def _small_options(row):
    """What a row is about, but for the strides that make it slow."""
    return {n: v for n, v in row.get("options", {}).items() if n != "strides"}


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    """Few videos, one epoch, three systems."""
    monkeypatch.setattr(toy_training, "NUM_TRAIN", 64)
    systems = [
        {
            "canvas": "box",
            "defaults": SMALL,
            "rows": {
                "cpnet": {"model": "toy_cpnet", "summary": "proposals"},
                "c2d": {"model": "toy_c2d", "summary": "frames"},
                "c3d": {"model": "toy_c3d", "summary": "volumes"},
            },
        },
        {
            "canvas": "wide",
            "defaults": SMALL_WIDE,
            "rows": {"cpnet": {"model": "toy_cpnet"}, "c2d": {"model": "toy_c2d"}},
        },
    ]
    monkeypatch.setitem(EXPERIMENTS, "toy", replace(EXPERIMENTS["toy"], toy=systems))
    for name in ("visualise", "offset-scale"):
        experiment = EXPERIMENTS[name]
        monkeypatch.setitem(EXPERIMENTS, name, replace(experiment, toy=shrunk(experiment.toy)))


def results(out):
    return json.loads((out / "results.json").read_text())


def test_toy_goes_on_where_it_was(tmp_path, motionlens_command, monkeypatch):
    out = tmp_path / "out"
    train, trained = toy_training.train, []

    def interrupted(run):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((run.row, run.canvas, run.seed))
        return train(run)

    with monkeypatch.context() as patch:
        patch.setattr(toy_training, "train", interrupted)
        status, _, _ = motionlens_command("reproduce", "toy", "--out", out, "--seeds", 2, *ALONE)
    assert status == 130
    assert trained == [("cpnet", "box", 0), ("c2d", "box", 0), ("c3d", "box", 0)]
    assert (results(out)["planned_runs"], results(out)["finished_runs"]) == (10, 3)
    before = results(out)["runs"][0]

    def counted(run):
        trained.append((run.row, run.canvas, run.seed))
        return train(run)

    with monkeypatch.context() as patch:
        patch.setattr(toy_training, "train", counted)
        status, _, err = motionlens_command("reproduce", "toy", "--out", out, "--seeds", 2, *ALONE)
    assert status == 0
    assert err.count("(was there)") == 3
    # Nothing was trained twice; one seed comes after the other, and of a seed one canvas.
    assert len(trained) == len(set(trained)) == 10
    assert [seed for _, _, seed in trained] == [0] * 5 + [1] * 5
    assert [canvas for _, canvas, _ in trained] == (["box"] * 3 + ["wide"] * 2) * 2
    found = results(out)
    assert found["finished_runs"] == 10
    assert found["runs"][0] == before
    page = (out / "results.md").read_text()
    heads = page.split("\n| ")[1].split("|")
    assert [head.strip() for head in heads[:6]] == [
        "", "parameters", "box", "box, left/right", "box, up/down", "wide",
    ]  # fmt: skip
    for system in ("cpnet", "c2d", "c3d"):
        assert f"\n| {system} " in page
    assert "cpnet: proposals; c2d: frames; c3d: volumes." in page
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
    assert note["validation"][-1] == pytest.approx(1 - len(note["wrong"]) / 200)
    assert {int(step) for step in note["by_step"]} == {7, 8, 9}


def test_a_failing_system_leaves_the_others(tmp_path, motionlens_command, monkeypatch):
    train = toy_training.train

    def failing(run):
        if run.row == "c2d":
            raise ValueError("the loss is no number")
        return train(run)

    monkeypatch.setattr(toy_training, "train", failing)
    out = tmp_path / "out"
    options = ["--canvas", "box", "--seeds", 1, *ALONE]
    status, printed, _ = motionlens_command("reproduce", "toy", "--out", out, *options)
    assert status == 1
    assert "- box_c2d_s0: the loss is no number" in printed
    assert {cell["row"] for cell in results(out)["cells"]} == {"cpnet", "c3d"}


def test_the_short_name_trains_anew(tmp_path, motionlens_command, monkeypatch):
    """With options of its own, whatever the folder holds."""
    monkeypatch.setattr("motionlens.reproduce.experiments.usable_cores", lambda: 1)
    out = tmp_path / "out"
    (out / "runs" / "mine").mkdir(parents=True)
    for options in (["--k", 2], ["--k", 3, "--offset_scale", 2], ["--k", 3, "--offset_scale", 2]):
        arguments = ["--models", "cpnet", "--seeds", 1, *options]
        status, _, err = motionlens_command("toy", "--out", out, *arguments)
        assert status == 0
        assert "(was there)" not in err
    assert {path.name for path in (out / "runs").iterdir()} == {"mine", "box_cpnet_s0"}
    card = json.loads((out / "cpnet" / "config.json").read_text())
    assert (card["options"]["k"], card["options"]["offset_scale"]) == (3, 2.0)
    assert results(out)["command"] == (
        "motionlens toy --canvas box --seeds 1 --models cpnet --k 3 --offset_scale 2.0"
    )


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
    assert [run["name"] for run in found["runs"] if run["landing"]["proposals"] > 0] == [
        "box_cpnet_s0", "box_pixels_s0",
    ]  # fmt: skip
    assert [cell["row"] for cell in found["cells"] if cell["column"] == "box, on the block"] == [
        "cpnet", "cpnet, a cell a pixel",
    ]  # fmt: skip


def test_runtime(tmp_path, motionlens_command, monkeypatch):
    columns = {
        f"{frames} frames": {"run": frames, "clip": {"num_frames": frames, "size": 32}}
        for frames in (8, 32)
    }
    (block,) = EXPERIMENTS["runtime"].runtime
    small = [{**block, "backbone": "nano", "columns": columns}]
    monkeypatch.setitem(EXPERIMENTS, "runtime", replace(EXPERIMENTS["runtime"], runtime=small))
    monkeypatch.setitem(BUDGETS, "small", replace(BUDGETS["small"], runtime_s=0.01))
    out = tmp_path / "out"
    options = ["--device", "cpu", "--models", "c2d", "cpnet"]
    status, printed, err = motionlens_command("reproduce", "runtime", "--out", out, *options)
    assert status == 0, err
    found = results(out)
    assert [run["name"] for run in found["runs"]] == [
        "c2d_8_s0", "c2d_32_s0", "cpnet_8_s0", "cpnet_32_s0",
    ]  # fmt: skip
    assert [run["model"] for run in found["runs"]] == ["c2d_nano"] * 2 + ["cpnet_nano"] * 2
    run, cell = found["runs"][0], found["cells"][0]
    assert cell["mean"] == pytest.approx(1e3 / run["median_ms"])
    (line,) = [text for text in printed.splitlines() if text.startswith("| CPNet ")]
    assert [part.strip() for part in line.split("|")[-3:]] == ["10.1", "3.9", ""]
    assert (out / "results.png").is_file()
    _, _, err = motionlens_command("reproduce", "runtime", "--out", out, *options)
    assert err.count("(was there)") == 4
    path = out / "runs" / "c2d_8_s0" / "reproduced.json"
    note = json.loads(path.read_text())
    path.write_text(json.dumps({**note, "machine": {"device": "another"}}))
    _, _, err = motionlens_command("reproduce", "runtime", "--out", out, *options)
    assert err.count("(was there)") == 3
