"""The experiments as their files have them, with the poster's numbers."""

import pytest

from motionlens.models import registry
from motionlens.reproduce.budgets import BUDGETS
from motionlens.reproduce.grids import EXPERIMENTS, planned_runs
from motionlens.synthetic.motion_suite.suite import MotionSuite

LONG = ["8x3", "4x7", "2x21"]
SHORT = ["8x1", "4x2", "2x7"]
TABLES = [experiment.poster for experiment in EXPERIMENTS.values() if experiment.poster]


def test_no_number_of_the_scrambled_table_is_quoted():
    assert not EXPERIMENTS["ablation-k"].poster
    assert EXPERIMENTS["motion"].poster["rows"]["CPNet"][1] == "/ 83.95"


def test_every_table_is_whole():
    assert len(TABLES) == 5
    for table in TABLES:
        for row in table["rows"].values():
            assert len(row) == len(table["columns"])
            assert all(isinstance(text, str) for text in row)


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize("kind", ["videos", "suite", "toy", "runtime"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_grids_are_whole(name, kind, budget):
    blocks = getattr(EXPERIMENTS[name], kind)
    for num_frames in (300, 21, 14, 3):
        runs = planned_runs(blocks, budget, num_frames=num_frames, seeds=2)
        assert bool(runs) == bool(blocks)
        names = [run.name for run in runs]
        assert len(names) == len(set(names))
        places = [(run.row, column, run.seed) for run in runs for column in run.looks]
        assert len(places) == len(set(places))
        known = registry.list_models()
        for run in runs:
            assert run.model in known
            registry.model_options(run.model, **run.options)
            assert bool(run.suite) == (kind == "suite")
            if run.suite:
                options = {n: v for n, v in run.suite.items() if n.startswith("num_")}
                assert options.pop("num_train") > 100
                assert options.pop("num_validation") > 100
                options |= {n: v for n, v in run.suite.items() if n in ("speed", "hidden")}
                suite = MotionSuite(run.suite["task"], run.suite["difficulty"], **options)
                assert suite.setting.num_frames == run.clip.get("num_frames", 8)
            looks = [look.get("look", "") for look in run.looks.values()]
            assert len(looks) == len(set(looks))


@pytest.mark.parametrize("budget", BUDGETS.values(), ids=BUDGETS)
@pytest.mark.parametrize(
    ("name", "number"), [("ablation-count", 5), ("ablation-stage", 4), ("kinetics", 5)]
)
def test_the_posters_rows_are_filled(name, number, budget):
    runs = planned_runs(EXPERIMENTS[name].videos, budget, num_frames=300)
    assert set(list(EXPERIMENTS[name].poster["rows"])[:number]) <= {run.row for run in runs}


def test_every_family_is_a_row():
    """A comparator that is registered is in the tables without further ado."""
    excluded = {"two_stream": {"motion", "speed"}, "mff": {"speed"}}
    for name in ("motion", "speed"):
        runs = planned_runs(EXPERIMENTS[name].videos, BUDGETS["small"], num_frames=300)
        labels = {run.row for run in runs}
        for family in registry.FAMILIES:
            if "nano" in family.backbones and name not in excluded.get(family.name, ()):
                assert family.label in labels


def test_speeds_span_the_same_time():
    for budget, num_frames, span in (("full", 300, {21}), ("small", 10, {6, 7})):
        runs = planned_runs(EXPERIMENTS["speed"].videos, BUDGETS[budget], num_frames=num_frames)
        clips = [run.clip for run in runs]
        assert {(clip["num_frames"] - 1) * clip["frame_stride"] for clip in clips} == span


@pytest.mark.parametrize(
    ("num_frames", "stride", "speeds"),
    [(300, 3, LONG), (22, 3, LONG), (21, 2, SHORT), (8, 1, SHORT), (3, 1, SHORT)],
)
def test_clips_fit_the_videos(num_frames, stride, speeds):
    budget = BUDGETS["small"].fitted(num_frames)
    assert budget.recipe["clip"]["frame_stride"] == stride
    blocks = EXPERIMENTS["speed"].videos
    runs = planned_runs(blocks, budget, num_frames=num_frames, models=["c2d"])
    assert [run.name for run in runs] == [f"c2d_{speed}_s0" for speed in speeds]
    assert BUDGETS["full"].fitted(num_frames) is BUDGETS["full"]


def test_cells_with_the_same_clips_share_a_training():
    runs = planned_runs(EXPERIMENTS["kinetics"].videos, BUDGETS["full"], models=["c2d"])
    assert [(run.name, len(run.looks)) for run in runs] == [("c2d_slow_s0", 2), ("c2d_fast_s0", 1)]
    assert [run.clip["frame_stride"] for run in runs] == [12, 4]
    runs = planned_runs(EXPERIMENTS["kinetics"].videos, BUDGETS["small"], num_frames=300)
    assert {run.clip["frame_stride"] for run in runs} == {3, 1}
