import json

import pytest

from motionlens.datasets.catalog.names import CATALOG
from motionlens.datasets.catalog.spec import swap_words


def test_whole_words_in_either_case():
    names = ["Swiping Left", "Swiping Right", "leftover", "rightover", "go_left", "go_right"]
    assert swap_words(names, [("left", "right")]) == {
        "Swiping Left": "Swiping Right",
        "go_left": "go_right",
    }


def test_both_words_of_a_name_are_exchanged_at_once():
    names = ["from right to left", "from left to right"]
    assert swap_words(names, [("left", "right")]) == {names[0]: names[1]}


def test_a_name_without_counterpart_keeps_its_class():
    assert swap_words(["pulling it right out", "turning left"], [("left", "right")]) == {}


def test_several_pairs_of_words():
    names = ["Clockwise", "Counterclockwise", "Left", "Right"]
    pairs = CATALOG["jester"].flip_pairs(names)
    assert pairs == {"Clockwise": "Counterclockwise", "Left": "Right"}


def labels(test_data, name):
    return (test_data / "data" / "labels" / name).read_text().splitlines()


def test_jester_as_the_authors_plus_the_turning_hand(test_data):
    names = sorted(labels(test_data, "jester-v1-labels.csv"))
    pairs = CATALOG["jester"].flip_pairs(names)
    numbers = {names.index(a): names.index(b) for a, b in pairs.items()}
    assert numbers == {11: 12, 16: 17, 21: 22}
    assert names[21] == "Turning Hand Clockwise"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_something_as_the_authors_and_as_published(test_data, version):
    names = sorted(labels(test_data, f"sth{version}_174_label_map.txt"))
    pairs = CATALOG[f"something-{version}"].flip_pairs(names)
    numbers = {names.index(a): names.index(b) for a, b in pairs.items()}
    assert numbers == {86: 87, 93: 94, 166: 167}
    path = test_data / "data" / "labels" / "sthv2_augmentation_mappings.json"
    published = json.loads(path.read_text())["left/right"]
    assert {**pairs, **{b: a for a, b in pairs.items()}} == published


@pytest.mark.parametrize("number", [400, 600, 700])
def test_no_class_of_kinetics_changes(test_data, number):
    names = labels(test_data, f"kinetics{number}_label_map.txt")
    assert CATALOG[f"kinetics{number}"].flip_pairs(names) == {}


@pytest.mark.parametrize("name", ["folder", "list"])
def test_nobody_knows_about_classes_of_ones_own(name):
    assert CATALOG[name].flip_pairs(["left", "right"]) is None
