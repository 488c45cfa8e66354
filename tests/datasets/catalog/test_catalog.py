from pathlib import Path

import pytest

from mini_datasets import NAMES
from motionlens._utils.tables import markdown_table
from motionlens.datasets.catalog.names import CATALOG, catalog_table, find_spec, spec_of
from motionlens.datasets.prepared import PreparedSet, save_description

REPOSITORY = Path(__file__).parents[3]
PAGES = REPOSITORY / "docs" / "data"
OFFICIAL_CLASSES = {
    "jester": 27, "something-v1": 174, "something-v2": 174, "kinetics400": 400,
    "kinetics600": 600, "kinetics700": 700, "ucf101": 101, "hmdb51": 51,
}  # fmt: skip


def test_names():
    assert {*OFFICIAL_CLASSES, "folder", "list"} <= set(CATALOG)
    assert all(spec.name == name for name, spec in CATALOG.items())


def test_find():
    assert find_spec("jester").title == "Jester v1"
    with pytest.raises(ValueError, match="got 'jestr', did you mean 'jester'.*; known are jester"):
        find_spec("jestr")


def test_options_belong_to_a_data_set(tmp_path):
    with pytest.raises(ValueError, match="split is no option of jester, which takes no options"):
        CATALOG["jester"].read(tmp_path, split=1)
    with pytest.raises(ValueError, match="fps is no option of ucf101, which takes split"):
        CATALOG["ucf101"].read(tmp_path, fps=3.0)


@pytest.mark.parametrize("name", NAMES)
def test_a_root_that_is_not_there(name, tmp_path):
    with pytest.raises(ValueError, match=r"root must hold .*gone does not exist; check the path"):
        CATALOG[name].read(tmp_path / "gone")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_root_is_an_error_of_one_line(name, tmp_path):
    with pytest.raises(ValueError, match=r".+; put .+") as caught:
        CATALOG[name].read(tmp_path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("folder", "list")])
def test_official_facts(name):
    spec = CATALOG[name]
    assert spec.num_classes == OFFICIAL_CLASSES.get(name, spec.num_classes) >= 2
    assert 100 <= spec.short_side <= 256


@pytest.mark.parametrize("name", CATALOG)
def test_every_data_set_has_a_recipe_and_a_page_that_says_how_to_prepare_it(name):
    spec = CATALOG[name]
    assert (REPOSITORY / "recipes" / spec.recipe).is_file()
    page = page_of(name)
    text = page.read_text()
    assert f"motionlens prepare {page.stem}" in text
    if spec.recipe != "modern.yaml":
        assert f"--config recipes/{spec.recipe}" in text
    assert all(f"{number:,}" in text for number in spec.num_videos.values())


def page_of(name):
    """The page of a data set, which several versions may share."""
    own = PAGES / f"{name}.md"
    return own if own.is_file() else PAGES / f"{name.rstrip('0123456789')}.md"


def test_the_docs_show_the_catalogue():
    """The table of docs/data/README.md is the catalogue's own; this is what it must be."""
    headings, rows = catalog_table()
    rows = [
        [f"`{name}`", f"[{title}]({page_of(name).name})", *numbers]
        for name, title, *numbers in rows
    ]
    assert markdown_table(headings, rows, left=(0, 1)) in (PAGES / "README.md").read_text()


def test_what_leaderboards_ask_for():
    wanted = {"jester": 1, "something-v1": 5, "something-v2": 5}
    known = (*OFFICIAL_CLASSES, "folder", "list")
    asked = {name: CATALOG[name].submission_labels for name in known}
    assert asked == {name: wanted.get(name) for name in known}


def test_a_prepared_data_set_is_known_by_its_name(tmp_path):
    assert spec_of(None) is None
    assert spec_of(tmp_path) is None
    save_description(tmp_path, PreparedSet(name="something-v2", class_names=("a",)))
    assert spec_of(tmp_path) is CATALOG["something-v2"]
    save_description(tmp_path, PreparedSet(name="motion-order", class_names=("a",)))
    assert spec_of(tmp_path) is None
