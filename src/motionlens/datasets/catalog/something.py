"""Something-Something: hands doing something with something, in both published versions."""

import json
from functools import partial
from pathlib import Path

from motionlens._utils.files import read_text
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.catalog.by_id import read_by_id
from motionlens.datasets.catalog.locating import DOWNLOAD, read_lines
from motionlens.datasets.catalog.spec import DatasetSpec
from motionlens.datasets.list_files import read_list


def class_of_template(template: str) -> str:
    """The class of a template: its text without the brackets.

    Example:
        >>> class_of_template("Stacking [number of] [something]")
        'Stacking number of something'
    """
    return template.replace("[", "").replace("]", "")


def _read_json_rows(path: Path) -> list[ListEntry]:
    rows = read_list(path, labelled=False)
    return [row._replace(label=class_of_template(row.label)) for row in rows]


def _read_json_classes(path: Path) -> list[str]:
    try:
        numbers = dict[str, str](json.loads(read_text(path, DOWNLOAD)).items())
        ordered = sorted(numbers, key=lambda name: int(numbers[name]))
    except (AttributeError, TypeError, ValueError):
        raise ValueError(
            f"{path}: must give every class its number, such as {{'Closing something': '5'}}; "
            f"{DOWNLOAD}"
        ) from None
    return [class_of_template(name) for name in ordered]


SOMETHING_V1 = DatasetSpec(
    name="something-v1",
    title="Something-Something v1",
    layout="20bn-something-something-v1/ID/00001.jpg; "
    "something-something-v1-{train,validation,test}.csv",
    reader=partial(
        read_by_id,
        name="something-something-v1",
        # The order of the official file means nothing.
        read_classes=lambda path: sorted(read_lines(path)),
    ),
    short_side=100,
    recipe="something_v1_resnet34.yaml",
    submission_labels=5,
    num_classes=174,
    num_videos={"train": 86017, "validation": 11522, "test": 10960},
)
SOMETHING_V2 = DatasetSpec(
    name="something-v2",
    title="Something-Something v2",
    layout="20bn-something-something-v2/ID.webm; labels/{train,validation,test,labels}.json",
    reader=partial(
        read_by_id,
        name="something-something-v2",
        list_suffix=".json",
        as_pictures=False,
        read_rows=_read_json_rows,
        read_classes=_read_json_classes,
    ),
    short_side=240,
    recipe="something_v2_resnet34.yaml",
    submission_labels=5,
    num_classes=174,
    num_videos={"train": 168913, "validation": 24777, "test": 27157},
)
