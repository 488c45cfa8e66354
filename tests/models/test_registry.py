import pytest

from motionlens.models.registry import ClipDefaults, list_models, model_defaults, register_model


def test_patterns():
    assert list_models("c*_nano") == ["c2d_nano", "c3d_nano", "cpnet_nano"]
    assert list_models("nl_*18") == ["nl_c2d_resnet18"]


def test_defaults():
    assert model_defaults("cpnet_nano") == ClipDefaults(num_frames=8, frame_stride=3, size=64)


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'cpnet_nano' is taken"):
        register_model("cpnet_nano", lambda: None, model_defaults("cpnet_nano"))
