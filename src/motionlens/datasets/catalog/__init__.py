"""The data sets that motionlens knows: where their files lie, and what their classes do when mirrored.

No class list of a data set is in here: they come from the official files of the user's own copy.
"""

from __future__ import annotations

from motionlens._utils.errors import nearest
from motionlens.datasets.catalog.by_split import HMDB51, UCF101
from motionlens.datasets.catalog.jester import JESTER
from motionlens.datasets.catalog.kinetics import KINETICS
from motionlens.datasets.catalog.own import FOLDER, LIST
from motionlens.datasets.catalog.something import SOMETHING_V1, SOMETHING_V2
from motionlens.datasets.catalog.spec import DatasetSpec, OfficialCopy

__all__ = ["CATALOG", "DatasetSpec", "OfficialCopy", "find_spec"]

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
