"""Miniature copies of the data sets in their official layouts: four classes, generated videos.

The classes differ in motion alone. Where the shared data are given, classes have real names and
the class files hold all of them; else names are invented ones of the same form.
"""

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import numpy as np
from PIL import Image

from motionlens.datasets.catalog.names import CATALOG

# Rows and columns a frame: the first two are each other's mirror image.
STEPS = ((0, -4), (0, 4), (0, 0), (4, 0))
INVENTED = {
    "jester": ["Waving Left", "Waving Right", "Holding Hand", "Sinking Hand"],
    "something": [
        "Shoving something from right to left",
        "Shoving something from left to right",
        "Leaving something alone, for once",
        "Lowering number of something",
    ],
    "kinetics": ["going left (slowly)", "going right", "standing", "sinking"],
    "ucf101": ["GoLeft", "GoRight", "StandStill", "SinkDown"],
    "hmdb51": ["go_left", "go_right", "stand", "sink"],
    "own": ["left", "right", "still", "down"],
}
# File with the real names, class to be shown by each motion.
REAL = {
    "jester": (
        "jester-v1-labels.csv",
        ["Swiping Left", "Swiping Right", "Stop Sign", "Swiping Down"],
    ),
    "something": (
        "sthv2_174_label_map.txt",
        [
            "Pushing something from right to left",
            "Pushing something from left to right",
            "Laying something on the table on its side, not upright",
            "Stacking number of something",
        ],
    ),
    **{
        f"kinetics{n}": (
            f"kinetics{n}_label_map.txt",
            ["abseiling", "air drumming", "tying knot (not on a tie)", "zumba"],
        )
        for n in (400, 600, 700)
    },
}
# Videos of each class in each part.
PER_CLASS = {"train": 3, "validation": 1, "test": 1}
# A data set without a writer below fails the tests that go over all of them.
NAMES = tuple(CATALOG)


def write_mini(name: str, root: Path) -> Path:
    """Write a copy of a data set of the catalogue under ``root``, which is returned."""
    root.mkdir(parents=True, exist_ok=True)
    _WRITERS[name.rstrip("0123456789") if name.startswith("kinetics") else name](name, root)
    return root


def classes_of(name: str) -> tuple[list[str], list[str]]:
    """The four classes that a miniature shows, and all that its data set has."""
    family = next(f for f in (name, name.rpartition("-")[0], "own") if f in INVENTED or f in REAL)
    shared = Path(os.environ.get("MOTIONLENS_TEST_DATA", ""), "data", "labels")
    if family in REAL and (shared / REAL[family][0]).is_file():
        file, shown = REAL[family]
        return shown, (shared / file).read_text().splitlines()
    shown = INVENTED["kinetics" if family.startswith("kinetics") else family]
    return shown, sorted(shown)


def moving_square(motion: int, seed: int, num_frames: int = 8) -> np.ndarray:
    """A bright square on noise: uint8 ``(T, 32, 32, 3)``."""
    rng = np.random.default_rng([motion, seed])
    frames = np.repeat(rng.integers(0, 60, (1, 32, 32, 3), dtype=np.uint8), num_frames, axis=0)
    row, column = rng.integers(0, 24, 2)
    for t, picture in enumerate(frames):
        y, x = (row + t * STEPS[motion][0]) % 24, (column + t * STEPS[motion][1]) % 24
        picture[y : y + 8, x : x + 8] = 230
    return frames


def write_file(path: Path, frames: np.ndarray, *, fps: int = 12) -> None:
    """Encode by the suffix: VP9 in webm, MPEG-4 in anything else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_webm = path.suffix == ".webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9" if is_webm else "mpeg4", rate=fps)
        if is_webm:
            stream.options = {"cpu-used": "8", "deadline": "realtime"}
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for picture in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_pictures(folder: Path, frames: np.ndarray) -> None:
    """``00001.jpg`` and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(frames, start=1):
        Image.fromarray(picture).save(folder / f"{number:05d}.jpg", quality=90)


def _videos() -> Iterable[tuple[str, int, int]]:
    """Part, motion and a number that no other video has."""
    number = 0
    for part, count in PER_CLASS.items():
        for motion in range(len(STEPS)):
            for _ in range(count):
                number += 1
                yield part, motion, number


def _write_numbered(
    root: Path, name: str, folder: str, write: Callable[[Path, np.ndarray], None], suffix: str
) -> dict[str, list[tuple[str, str]]]:
    """The videos of a data set that knows them by number; its lists as number and class."""
    lists: dict[str, list[tuple[str, str]]] = {part: [] for part in PER_CLASS}
    shown, _ = classes_of(name)
    for part, motion, number in _videos():
        write(root / folder / f"{number}{suffix}", moving_square(motion, number))
        lists[part].append((str(number), shown[motion]))
    return lists


def _write_csv_dataset(name: str, root: Path) -> None:
    stem = {"jester": "jester-v1", "something-v1": "something-something-v1"}[name]
    lists = _write_numbered(root, name, f"20bn-{stem}", write_pictures, "")
    for part, rows in lists.items():
        lines = (number if part == "test" else f"{number};{label}" for number, label in rows)
        (root / f"{stem}-{part}.csv").write_text("".join(f"{line}\n" for line in lines))
    (root / f"{stem}-labels.csv").write_text("\n".join(classes_of(name)[1]) + "\n")


def _write_something_v2(name: str, root: Path) -> None:
    stem = "something-something-v2"
    lists = _write_numbered(root, name, f"20bn-{stem}", write_file, ".webm")
    for part, rows in lists.items():
        videos = [{"id": number, **_templated(label, part)} for number, label in rows]
        (root / f"{stem}-{part}.json").write_text(json.dumps(videos))
    numbers = {label: str(i) for i, label in enumerate(classes_of(name)[1])}
    (root / f"{stem}-labels.json").write_text(json.dumps(numbers))


def _templated(label: str, part: str) -> dict[str, object]:
    if part == "test":
        return {}
    template = label.replace("number of something", "[number of] [something]")
    if template == label:
        template = label.replace("something", "[something]")
    return {"label": label.replace("something", "a cup"), "template": template,
            "placeholders": ["a cup"]}  # fmt: skip


def _write_kinetics(name: str, root: Path) -> None:
    shown, _ = classes_of(name)
    rows = {part: ["label,youtube_id,time_start,time_end,split"] for part in PER_CLASS}
    for part, motion, number in _videos():
        word = {"validation": "val"}.get(part, part)
        video = f"-{number:04d}_{number}xYz"[:11]
        label = shown[motion]
        rows[part].append(f"{label},{video},{number},{number + 10},{word}")
        path = root / word / label / f"{video}_{number:06d}_{number + 10:06d}.mp4"
        write_file(path, moving_square(motion, number))
    for part, lines in rows.items():
        word = {"validation": "val"}.get(part, part)
        text = "\n".join(lines) + "\n"
        (root / f"{name.replace('kinetics', 'kinetics-')}_{word}.csv").write_text(text)


def _write_ucf101(name: str, root: Path) -> None:
    shown, everything = classes_of(name)
    lists = root / "ucfTrainTestlist"
    lists.mkdir()
    names = [f"{i} {label}\n" for i, label in enumerate(everything, start=1)]
    (lists / "classInd.txt").write_text("".join(names))
    videos = []
    for _, motion, number in _videos():
        path = f"{shown[motion]}/v_{shown[motion]}_g{number:02d}_c01.avi"
        write_file(root / "UCF-101" / path, moving_square(motion, number))
        videos.append((path, motion))
    for split in (1, 2, 3):
        # Every fifth video is for testing, in every split another one.
        test = [v for i, v in enumerate(videos) if i % 5 == split]
        train = [v for i, v in enumerate(videos) if i % 5 != split]
        (lists / f"testlist{split:02d}.txt").write_text("".join(f"{path}\n" for path, _ in test))
        numbers = {label: i for i, label in enumerate(everything, start=1)}
        lines = (f"{path} {numbers[shown[motion]]}\n" for path, motion in train)
        (lists / f"trainlist{split:02d}.txt").write_text("".join(lines))


def _write_hmdb51(name: str, root: Path) -> None:
    lists = root / "testTrainMulti_7030_splits"
    lists.mkdir()
    rows: dict[int, list[str]] = {motion: [] for motion in range(len(STEPS))}
    shown, _ = classes_of(name)
    for _, motion, number in _videos():
        file = f"#{number}_[x]_{shown[motion]}_u_nm_np1_fr_goo_0.avi"
        write_file(root / shown[motion] / file, moving_square(motion, number))
        rows[motion].append(file)
    for split in (1, 2, 3):
        for motion, files in rows.items():
            # Of five videos three train, one tests, one is not used.
            uses = np.roll([1, 1, 1, 2, 0], split)
            lines = (f"{file} {use} \n" for file, use in zip(files, uses, strict=True))
            (lists / f"{shown[motion]}_test_split{split}.txt").write_text("".join(lines))


def _write_folder(name: str, root: Path) -> None:
    shown, _ = classes_of(name)
    for part, motion, number in _videos():
        word = {"validation": "val"}.get(part, part)
        write_file(root / word / shown[motion] / f"{number}.mp4", moving_square(motion, number))


def _write_list(name: str, root: Path) -> None:
    """The third class is also shown by the videos of the first."""
    shown, _ = classes_of(name)
    rows: dict[str, list[str]] = {part: ["path,label"] for part in PER_CLASS}
    for part, motion, number in _videos():
        write_file(root / "videos" / f"{number}.mp4", moving_square(motion, number))
        label = shown[motion] if motion else f"{shown[0]}|{shown[2]}"
        rows[part].append(f"videos/{number}.mp4,{'' if part == 'test' else label}")
    for part, lines in rows.items():
        (root / f"{part}.csv").write_text("\n".join(lines) + "\n")


_WRITERS: dict[str, Callable[[str, Path], None]] = {
    "jester": _write_csv_dataset,
    "something-v1": _write_csv_dataset,
    "something-v2": _write_something_v2,
    "kinetics": _write_kinetics,
    "ucf101": _write_ucf101,
    "hmdb51": _write_hmdb51,
    "folder": _write_folder,
    "list": _write_list,
}
