"""The data sets of the catalogue by their names.

Class names come from the official files of the user's own copy; none are stored here.
"""

import os

from motionlens._utils.errors import nearest
from motionlens.datasets.catalog.by_split import HMDB51, UCF101
from motionlens.datasets.catalog.jester import JESTER
from motionlens.datasets.catalog.kinetics import KINETICS
from motionlens.datasets.catalog.own import FOLDER, LIST
from motionlens.datasets.catalog.something import SOMETHING_V1, SOMETHING_V2
from motionlens.datasets.catalog.spec import DatasetSpec
from motionlens.datasets.prepared import is_prepared, load_description

CATALOG: dict[str, DatasetSpec] = {
    spec.name: spec
    for spec in (JESTER, SOMETHING_V1, SOMETHING_V2, *KINETICS, UCF101, HMDB51, FOLDER, LIST)
}


def find_spec(name: str) -> DatasetSpec:
    """A data set by its name.

    Raises:
        ValueError: If there is none of that name.
    """
    if name not in CATALOG:
        raise ValueError(
            f"name must be a data set of the catalogue, got {name!r}{nearest(name, CATALOG)}; "
            f"known are {', '.join(CATALOG)}"
        )
    return CATALOG[name]


def spec_of(data: str | os.PathLike[str] | None) -> DatasetSpec | None:
    """What the catalogue knows of a prepared data set; None for any other data.

    Raises:
        ValueError: If the data set's description is damaged.
    """
    if data is None or not is_prepared(data):
        return None
    return CATALOG.get(load_description(data).name)


def catalog_table() -> tuple[list[str], list[list[str]]]:
    """Headings and one row per data set: name, title, classes, videos of each part."""
    rows = []
    for spec in CATALOG.values():
        classes = "" if spec.num_classes is None else str(spec.num_classes)
        videos = " / ".join(f"{number:,}" for number in spec.num_videos.values())
        rows.append([spec.name, spec.title, classes, videos])
    return ["name", "data set", "classes", "videos"], rows
