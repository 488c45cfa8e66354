import importlib.util
import json
from pathlib import Path

import pytest
import yaml

from motionlens.clips.symmetries import AXES, LabelSymmetries
from motionlens.datasets.list_files import read_list
from motionlens.datasets.prepared import load_description, load_part
from motionlens.synthetic.motion_suite.tasks import TASKS

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "pretraining_data.py"
spec = importlib.util.spec_from_file_location("pretraining_data", SCRIPT)
script = importlib.util.module_from_spec(spec)
spec.loader.exec_module(script)
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
