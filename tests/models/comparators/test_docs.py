"""What docs/comparators.md says of sizes is what `motionlens info` counts."""

import re
from pathlib import Path

import pytest

from motionlens.models.backbones import BACKBONES
from motionlens.models.profile import describe
from motionlens.models.registry import FAMILIES, list_models, model_defaults

TEXT = (Path(__file__).parents[3] / "docs" / "comparators.md").read_text(encoding="utf-8")
ROWS = {
    name: tuple(cells)
    for name, *cells in re.findall(
        r"^\| `(\w+)` +\| +([\d.]+ M) +\| +([\d.]+ G) +\| +(\d+ x \d+x\d+) +\| +(\d+) \|$",
        TEXT,
        re.M,
    )
}


def test_every_comparator_has_its_row():
    ours = {name for name in list_models() if not name.startswith(("toy_", "cpnet_"))}
    assert set(ROWS) == ours


@pytest.mark.parametrize("name", [n for n in ROWS if re.search("nano|resnet18|3d$", n)])
def test_sizes(name):
    clip = model_defaults(name)
    found = describe(name, num_classes=400, num_frames=clip.num_frames, size=clip.size)
    assert ROWS[name] == (
        f"{found.parameters / 1e6:.2f} M",
        f"{found.multiply_adds / 1e9:.3g} G",
        f"{clip.num_frames} x {clip.size}x{clip.size}",
        str(clip.channels),
    )


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.name != "cpnet"], ids=lambda f: f.name)
def test_every_family_is_described_with_its_options(family):
    assert re.search(rf"^\| [^|]*`{family.name}(_\*)?`[^|]* \|", TEXT, re.M)
    for option in family.own_options(BACKBONES["nano"]):
        assert f"`{option}`" in TEXT
