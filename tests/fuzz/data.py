"""Lists of videos, prepared sets, recipes, and shards."""

import io
import json
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzz.mutation import encoded, json_text, mutated, mutated_text, mutated_value
from fuzz.target import Target, contents
from fuzz.videos import check_reader, moving
from motionlens.clips.video_index import ListEntry
from motionlens.datasets.decode_check import Job
from motionlens.datasets.list_files import read_ids, read_list
from motionlens.datasets.listing import index_videos, load_split
from motionlens.datasets.prepared import (
    PreparedSet,
    load_description,
    load_part,
    read_part,
    save_description,
    save_part,
)
from motionlens.datasets.shard_writing import encode_all, write_shard
from motionlens.datasets.source import DataSource, ListingConfig
from motionlens.training.recipe import Recipe
from motionlens.training.recipe_files import load_recipe, save_recipe
from motionlens.video.file import open_video
from motionlens.video.frames import VideoError
from motionlens.video.shards import read_table, table_path, video_name

_LISTS = (
    "a.mp4,left\nb.mp4,right\nc d.mp4,left\n",
    "path,label,start,end\na.mp4,left,0,1.5\nb.mp4,right,1:02.5,70\n# no\na.mp4,left,2,3\n",
    "a.mp4 12 0\nb.mp4 30 1\n",
    "sep=;\npath;label\na.mp4;left\nb.mp4;right|up\n",
    'youtube_id\tlabel\tperson\n"a.mp4"\t"left, up"\tanna\nb.mp4\tright\tben\n',
    '{"path": "a.mp4", "label": "left"}\n{"path": "b.mp4", "label": 3, "start": 1, "end": 2.5}\n',
    '[{"id": "a.mp4", "template": "left [something]"}, {"id": "b.mp4", "template": "right"}]\n',
    "1;left\n2;right\n",
)
_NAMES = ("a.csv", "a.txt", "a.json", "a.jsonl", "a.tsv", "a\nb.csv", "\x1b[2J.csv", "a")
_FILES = ("a.mp4", "b.mp4", "c d.mp4")


def seed_lists(folder: Path) -> None:
    """Lists of several forms, and a prepared set."""
    for number, text in enumerate(_LISTS):
        (folder / f"list-{number}").write_text(text)
    prepared = folder / "prepared"
    prepared.mkdir()
    entries = [ListEntry("a.mp4", "left"), ListEntry("b.mp4", "right", 0.5, 2.0)]
    save_part(prepared, "train", entries, [8, 9])
    save_part(prepared, "validation", entries, [8, None])
    save_description(prepared, PreparedSet(name="own", class_names=("left", "right")))


def make_list(rng: Random, seeds: Path, where: Path) -> None:
    """A list, or a prepared set, beside the videos that it may name."""
    for name in _FILES:
        (where / name).write_bytes(b"video")
    if rng.random() < 0.2:
        for path in (seeds / "prepared").iterdir():
            text = path.read_text()
            if rng.random() < 0.6:
                is_json = path.suffix == ".json" and rng.random() < 0.7
                text = json_text(rng, mutated_value(rng, json.loads(text))) if is_json else (
                    mutated_text(rng, text)
                )  # fmt: skip
            (where / path.name).write_bytes(encoded(rng, text))
        return
    text = rng.choice(_LISTS)
    if text.startswith("{") and rng.random() < 0.7:
        rows = [json.loads(line) for line in text.splitlines()]
        text = "\n".join(json_text(rng, mutated_value(rng, row)) for row in rows)
    elif text.startswith("[") and rng.random() < 0.7:
        text = json_text(rng, mutated_value(rng, json.loads(text)))
    data = encoded(rng, mutated_text(rng, text))
    if rng.random() < 0.05:
        data = mutated(rng, data, [data])
    (where / f"list-{rng.choice(_NAMES)}").write_bytes(data)


def use_list(rng: Random, where: Path) -> None:
    """Read it with options as chance will have it."""
    if (where / "dataset.json").exists():
        _use_prepared(where)
        return
    (path,) = where.glob("list-*")
    way = rng.randrange(4)
    if way == 0:
        check_entries(read_ids(path), labelled=False)
    elif way == 1:
        separator = rng.choice((None, ",", ";", " ", "\t"))
        columns = rng.choice((None, ("path", "label"), ("path", "num_frames", "label")))
        check_entries(read_list(path, separator, columns=columns), labelled=True)
    else:
        listing = ListingConfig(
            group=rng.choice((None, None, "person", r"(a|b)\.")),
            background=rng.choice((None, None, "background")),
            columns=rng.choice((None, None, "path,num_frames,label")),
        )
        if way == 2:
            index = index_videos(path, listing)
        else:
            index, validation = load_split(path, listing=listing)
            assert validation.class_names == index.class_names
        assert len(index) >= 1
        # A class of what no annotation covers is added later.
        assert index.num_classes >= 1 or listing.background
        assert all(name == name.strip() != "" for name in index.class_names)


def check_entries(entries: list[ListEntry], *, labelled: bool) -> None:
    """Every entry has a path, a label where it must, and a stretch of time that is one."""
    assert entries
    for entry in entries:
        assert isinstance(entry.path, str)
        assert entry.path
        assert isinstance(entry.label, str)
        assert entry.label or not labelled
        assert not entry.start_s >= entry.end_s


def _use_prepared(where: Path) -> None:
    description = load_description(where)
    assert all(isinstance(name, str) for name in description.class_names)
    for part in ("train", "validation"):
        for entry in read_part(where, part):
            assert isinstance(entry.path, str)
        index = load_part(where, part)
        assert index.class_names == description.class_names


_EXAMPLE = """
model: cpnet_nano
clip: {num_frames: 8, seconds: 2, size: 64}
augment:
  horizontal_flip: {swipe_left: swipe_right}
  time_reversal: null
listing: {pattern: 'videos/{}.mp4', root: /data}
"""


def seed_recipes(folder: Path) -> None:
    """A short recipe, and one with every field."""
    (folder / "short.yaml").write_text(f"data: clips\nout: run\n{_EXAMPLE}")
    save_recipe(Recipe(data="clips", out="run"), folder / "whole.yaml")


@lru_cache(maxsize=4)
def _recipes(folder: Path) -> list[tuple[str, Any]]:
    import yaml

    texts = [data.decode() for data in contents(folder)]
    return [(text, yaml.safe_load(text)) for text in texts]


def make_recipe(rng: Random, seeds: Path, where: Path) -> None:
    """A recipe, changed as a text or in its values."""
    import yaml

    text, values = rng.choice(_recipes(seeds))
    if rng.random() < 0.6:
        for _ in range(rng.choice((1, 1, 2, 4))):
            values = mutated_value(rng, values)
        spelled = json.dumps if rng.random() < 0.2 else yaml.safe_dump
        text = str(spelled(values))
    else:
        text = mutated_text(rng, text)
    if rng.random() < 0.03:
        lines = (f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 40))
        text = "a0: &a0 [x]\n" + "".join(lines)
    (where / "recipe.yaml").write_bytes(encoded(rng, text))


def use_recipe(rng: Random, where: Path) -> None:
    """Read it as a recipe, and as what says where a run's data is."""
    path = where / "recipe.yaml"
    if rng.random() < 0.3:
        source = DataSource.of_run(where)
        assert source is not None
        assert isinstance(source.data, str)
        return
    recipe = load_recipe(path)
    save_recipe(recipe, where / "again.yaml")
    again = load_recipe(where / "again.yaml")
    assert again == recipe or "nan" in repr(recipe), (recipe, again)


def seed_shards(folder: Path) -> None:
    """A shard of two videos, and its table."""
    from motionlens.video.writing import write_video

    video = folder / "a.mp4"
    write_video(video, moving(), fps=12)
    stat = video.stat()
    stamps = [(stat.st_size, stat.st_mtime_ns)] * 2
    jobs = [Job(str(video)), Job(str(video), end_s=0.4)]
    entries = [ListEntry("a.mp4", "left"), ListEntry("a.mp4", "right")]
    with_pictures = encode_all(jobs, 32, 80, 0)
    write_shard(folder / "train-000000.tar", 0, entries, stamps, with_pictures)
    video.unlink()


@lru_cache(maxsize=4)
def _shard(folder: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    shard = folder / "train-000000.tar"
    with np.load(table_path(shard)) as arrays:
        return shard.read_bytes(), table_path(shard).read_bytes(), dict(arrays)


def make_shard(rng: Random, seeds: Path, where: Path) -> None:
    """A shard and its table, one of which is changed."""
    shard, table, arrays = _shard(seeds)
    way = rng.random()
    if way < 0.3:
        shard = mutated(rng, shard, [shard, table])
    elif way < 0.6:
        table = mutated(rng, table, [table, shard])
    else:
        arrays = dict(arrays)
        for _ in range(rng.choice((1, 1, 2))):
            _change_array(rng, arrays)
        data = io.BytesIO()
        save = np.savez if rng.random() < 0.9 else np.savez_compressed
        save(data, **arrays)
        table = data.getvalue()
    (where / "train-000000.tar").write_bytes(shard)
    (where / "train-000000.npz").write_bytes(table)


def _change_array(rng: Random, arrays: dict[str, Any]) -> None:
    if not arrays:
        return
    name = rng.choice(sorted(arrays))
    array = arrays[name]
    way = rng.randrange(8)
    if way == 0:
        del arrays[name]
    elif way == 1:
        arrays[name] = array[: rng.randrange(len(array) + 1)] if array.ndim else array
    elif way == 2:
        arrays[name] = np.concatenate([array.reshape(-1)] * rng.choice((2, 100)))
    elif way == 3:
        kinds = ("U8", "int8", "float16", "complex64", "bool", "S4", "datetime64[s]", "uint64")
        with np.errstate(all="ignore"):
            try:
                arrays[name] = array.astype(rng.choice(kinds))
            except (ValueError, TypeError):
                arrays[name] = np.zeros(array.shape, "U1")
    elif way == 4:
        arrays[name] = array.reshape(rng.choice(((-1, 1), (1, -1), (1, 1, -1))))
    elif way == 5:
        arrays[rng.choice(("extra", "__class__", "save", "../x"))] = array
    elif array.dtype.kind in "iuf" and array.size:
        changed = array.copy()
        edges = (0, -1, 1, 2**31, 2**62, -(2**62), 10**6)
        if array.dtype.kind == "f":
            edges = (*edges, float("nan"), float("inf"), -1e300)  # type: ignore[assignment]
        fill = np.asarray(rng.choice(edges), np.float64).astype(array.dtype)
        if way == 6:
            changed[...] = fill
        else:
            changed.reshape(-1)[rng.randrange(array.size)] = fill
        arrays[name] = changed


def use_shard(rng: Random, where: Path) -> None:
    """Read a video of it."""
    read_table.cache_clear()
    again = partial(open_video, where / "train-000000.tar" / video_name(rng.randrange(2)))
    with again() as reader:
        check_reader(reader, rng, again)


LISTS = Target(seed_lists, make_list, use_list, about=("listing.",))
RECIPES = Target(seed_recipes, make_recipe, use_recipe)
SHARDS = Target(seed_shards, make_shard, use_shard, VideoError)
