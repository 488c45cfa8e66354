import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from motionlens.clips.symmetries import AXES, LabelSymmetries
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import load_description, load_part
from motionlens.synthetic.motion_suite.tasks import TASKS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pretraining_data.py"
spec = importlib.util.spec_from_file_location("pretraining_data", SCRIPT)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
scenes = sys.modules["pretraining_scenes"]
CLASS_NAMES, MEANINGS = script.CLASS_NAMES, script.MEANINGS
MIXTURE, main, write_mixture = script.MIXTURE, script.main, script.write_mixture

FEW = {
    "camera_easy": {"task": "camera", "difficulty": "easy", "num_train": 7},
    "direction_medium_2px": {
        "task": "direction",
        "difficulty": "medium",
        "num_train": 4,
        "speed": 2.0,
    },
}
CAMERA = {"camera_easy": FEW["camera_easy"]}


def test_every_class_of_its_tasks_has_one_meaning():
    for ingredient in MIXTURE.values():
        labels = TASKS[ingredient["task"]].class_names
        assert {MEANINGS[name] for name in labels} <= set(CLASS_NAMES)
    assert len(MIXTURE) == 13
    for ingredient in script.MIXTURE_OF_SCENES.values():
        assert ingredient.get("task", "camera") in TASKS


def test_what_swaps_means_the_same_in_every_task():
    # Mirrored, reversed and upside down, our words swap as the tasks' own do.
    swaps = {
        "horizontal_flip": {"left": "right"},
        "vertical_flip": {"up": "down"},
        "time_reversal": {"left": "right", "up": "down", "closer": "away"},
    }
    for ingredient in MIXTURE.values():
        task = TASKS[ingredient["task"]]
        for name, ours in swaps.items():
            both = ours | {b: a for a, b in ours.items()}
            theirs = getattr(task, name)
            theirs = theirs | {b: a for a, b in theirs.items()}
            for label in task.class_names:
                expected = both.get(MEANINGS[label], MEANINGS[label])
                assert MEANINGS[theirs.get(label, label)] == expected, (ingredient["task"], label)


def test_a_mixture_is_one_prepared_data_set(tmp_path):
    write_mixture(tmp_path, [], mixture=FEW)
    prepared = load_description(tmp_path)
    assert prepared.class_names == CLASS_NAMES
    assert prepared.flip_pairs == {"left": "right"}
    train, validation = load_part(tmp_path, "train"), load_part(tmp_path, "validation")
    assert (len(train), len(validation)) == (11, 2)
    assert all(train.path(i).is_file() for i in range(len(train)))
    # Camera's seven classes once each, then the four directions.
    names = [train.class_names[label] for label in train.labels]
    assert sorted(names[:7]) == sorted(CLASS_NAMES)
    assert sorted(names[7:]) == sorted(CLASS_NAMES[:4])
    own = read_list(tmp_path / "direction_medium_2px" / "train.csv", ",")
    assert [MEANINGS[entry.label] for entry in own] == names[7:]
    before = (tmp_path / "train.csv").read_bytes()
    write_mixture(tmp_path, [], mixture=FEW)
    assert (tmp_path / "train.csv").read_bytes() == before


def test_footage_must_be_there_where_it_is_wanted(tmp_path, capsys):
    with pytest.raises(ValueError, match="footage must be given, for some of the clips show it"):
        write_mixture(tmp_path, [])
    assert main([str(tmp_path), "--footage", str(tmp_path / "none.mp4")]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "dataset.json").exists()


def test_another_mixture_needs_another_folder(tmp_path):
    write_mixture(tmp_path, [], mixture=CAMERA)
    about = json.loads((tmp_path / "camera_easy" / "motion_suite.json").read_text())
    with pytest.raises(ValueError, match="seed"):
        write_mixture(tmp_path, [], mixture=CAMERA, seed=1)
    assert json.loads((tmp_path / "camera_easy" / "motion_suite.json").read_text()) == about


def test_the_recipe_of_paths_swaps_what_the_tasks_swap():
    mixture = script.MIXTURE_OF_PATHS
    names = script.class_names_of(mixture)
    assert names[: len(CLASS_NAMES)] == CLASS_NAMES
    assert len(names) == len(CLASS_NAMES) + 27
    recipe = SCRIPT.parents[1] / "recipes" / "pretrained_paths_nano.yaml"
    augment = yaml.safe_load(recipe.read_text())["augment"]
    declared = {name: augment[name] for name in AXES}
    assert declared == {name: script.swaps_of(mixture, name) for name in AXES}
    LabelSymmetries(**declared).resolve(names)
    assert declared["horizontal_flip"]["zigzag_left"] == "zigzag_right"


def test_paths_are_classes_of_their_own_but_strokes_are_directions(tmp_path):
    few = {"view": {"task": "path_in_view", "difficulty": "easy", "num_train": 31, "size": 32}}
    write_mixture(tmp_path, [], mixture=few)
    train = load_part(tmp_path, "train")
    names = sorted(train.class_names[label] for label in train.labels)
    assert names == sorted({*train.class_names} - {"closer", "away", "still"})
    assert {"left", "loop_clockwise", "eight"} <= {*names}


def test_scenes_show_what_their_label_says_at_every_rate(tmp_path):
    mixture = {"scenes": {"num_train": 14}, "camera_easy": FEW["camera_easy"]}
    write_mixture(tmp_path, [], mixture=mixture)
    train = load_part(tmp_path, "train")
    names = [train.class_names[label] for label in train.labels]
    assert names[:14] == [*scenes.LABELS, *scenes.LABELS]
    assert sorted(scenes.LABELS) == sorted(CLASS_NAMES)
    rates = set()
    for i in range(14):
        with train.open(i) as reader:
            rates.add(round(reader.fps))
            assert reader.num_frames == scenes.DURATION_S * round(reader.fps)
            frames = reader.read([0, reader.num_frames - 1]).data.float()
        moved = float((frames[0] - frames[1]).abs().mean())
        assert (moved < 1.0) == (names[i] == "still")
    assert len(rates) > 3


@pytest.mark.parametrize("label", ["left", "down", "closer"])
def test_a_thing_is_where_its_velocity_brings_it(label):
    rng = np.random.default_rng(0)
    scene = next(
        s for s in (scenes.draw_scene(rng, label) for _ in range(99)) if s.thing is not None
    )
    scene = replace(
        scene,
        ground=torch.zeros(3, 64, 64),
        thing=torch.ones(3, 64, 64),
        centre=(0.0, 0.0),
        half_size=(0.2, 0.2),
        is_round=False,
        velocity=tuple(float(0.5 * np.sign(speed)) for speed in scene.velocity),
        growth=2.0 ** float(np.sign(np.log(scene.growth))),
    )
    white = scenes.render(scene, np.array([0.0, 0.5]))[..., 0] == 255
    (rows, columns), (later_rows, later_columns) = (np.nonzero(frame) for frame in white)
    x, y = scenes.WAYS.get(label, (0, 0))
    # A quarter of 80 pixels; 32 pixels wide.
    assert later_columns.mean() - columns.mean() == pytest.approx(20 * x, abs=0.6)
    assert later_rows.mean() - rows.mean() == pytest.approx(20 * y, abs=0.6)
    expected = 32 * 2**0.5 if label == "closer" else 32
    assert np.ptp(later_rows) + 1 == pytest.approx(expected, abs=1)
