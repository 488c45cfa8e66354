import pytest

from motionlens.models.backbones import ClipDefaults
from motionlens.models.blocks import SOCKETS
from motionlens.models.cpnet import CPNET
from motionlens.models.registry import (
    FAMILIES,
    list_models,
    model_defaults,
    model_family,
    networks_of,
)


def test_patterns():
    assert list_models("c?d_nano") == ["c2d_nano", "c3d_nano"]
    assert list_models("nl_*18") == ["nl_c2d_resnet18"]


def test_defaults():
    assert model_defaults("cpnet_nano") == ClipDefaults(num_frames=8, frame_stride=3, size=64)


def test_a_name_is_given_once():
    with pytest.raises(ValueError, match="'cpnet_nano' is taken"):
        networks_of([CPNET, CPNET])


def test_every_family_says_what_it_is():
    for family in FAMILIES:
        assert family.label
        assert "\n" not in family.summary
        assert family.paper
    assert {model_family(name) for name in list_models()} == set(FAMILIES)
    assert model_family("toy_nl").name == "nl_c2d"


def test_a_plugin_names_its_socket_and_a_family_adds_one_thing():
    for family in FAMILIES:
        added = [family.consensus, family.layers, family.build or family.plugin]
        assert sum(part is not None for part in added) <= 1, family.name
        if family.plugin is not None:
            assert family.plugin.socket in SOCKETS
