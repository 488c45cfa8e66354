import pytest

from mini_datasets import NAMES
from motionlens.datasets.catalog import CATALOG, find_spec


def test_names():
    assert tuple(CATALOG) == NAMES
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
    assert spec.num_classes in (27, 51, 101, 174, 400, 600, 700)
    assert spec.crop_size == (112 if name == "jester" else 224)
    assert 100 <= spec.short_side <= 256
