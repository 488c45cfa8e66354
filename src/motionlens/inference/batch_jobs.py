"""Many videos shown to a network on an engine: results are kept as they come, by video.

A video that cannot be decoded, or ends the process that decodes it, has an error in the place of a
result. A job that was ended goes on with the videos that are missing.
"""

from __future__ import annotations

import copy
import hashlib
import math
import pickle
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from motionlens._utils.engines import Engine, EngineName, open_engine
from motionlens._utils.errors import one_line
from motionlens._utils.files import naming
from motionlens._utils.optional import require
from motionlens._utils.remote_files import StoreError
from motionlens._utils.worker_process import Lost
from motionlens.clips.video_index import ListEntry, VideoIndex
from motionlens.clips.views import Views
from motionlens.datasets.decode_check import VideoKey
from motionlens.inference.checkpoint import checksum
from motionlens.inference.onnx_network import OnnxNetwork
from motionlens.inference.part_files import PartFolder, open_parts
from motionlens.inference.recognizer import OnError
from motionlens.inference.runner import Result, Runner, run_shared, run_videos
from motionlens.video.frames import VideoError

OnProgress = Callable[[int, int], None]
Output = Literal["probabilities", "features"]
# What becomes of a video: its row, float32 (D,), or why there is none.
Found = NDArray[np.float32] | str

# Seconds that the videos of a batch may take before their process is killed.
DEADLINE_S = 600.0


@dataclass
class VideoWork:
    """Shows a network videos; each process that gets it keeps the network.

    Attributes:
        runner: pickled.
        output: what is wanted of a clip.
        root: folder that relative paths start from, absolute.
        fps: frames per second of frame folders.
        views: of each video.
        swap: what entries of mirrored views stand for; see
            :func:`motionlens.inference.runner.run_videos`.
        batch_size: views per batch.
    """

    runner: bytes
    output: Output
    root: Path
    fps: float
    views: Views = field(default_factory=Views)
    swap: Tensor | None = None
    batch_size: int = 8
    _loaded: Runner | None = None

    @classmethod
    def of(cls, runner: Runner, index: VideoIndex, output: Output, **options: Any) -> VideoWork:
        """The work of a runner on videos of an index; of the network only the folded copy goes."""
        slim = copy.copy(runner)
        slim.model = slim.network
        return cls(pickle.dumps(slim), output, index.root.absolute(), index.fps, **options)

    def __call__(self, keys: Sequence[VideoKey]) -> list[Found]:
        """Row of each video, or why there is none.

        Raises:
            StoreError: If a store does not give videos; the job can go on when it does.
        """
        if self._loaded is None:
            self._loaded = pickle.loads(self.runner)
        try:
            return self._show(self._loaded, keys)
        except StoreError:
            raise  # no video is at fault
        except Exception as error:  # a file may find a fault in any library; the others go on
            if len(keys) == 1:
                return [f"{keys[0][0]}: {type(error).__name__}: {one_line(error)}"]
            return [self([key])[0] for key in keys]

    def _show(self, runner: Runner, keys: Sequence[VideoKey]) -> list[Found]:
        entries = [
            ListEntry(
                path,
                "",
                math.nan if start_s is None else start_s,
                math.nan if end_s is None else end_s,
            )
            for path, start_s, end_s in keys
        ]
        results = run_videos(
            runner,
            VideoIndex.of(self.root, entries, class_names=(), fps=self.fps),
            runner.probabilities if self.output == "probabilities" else runner.features,
            views=self.views,
            swap=self.swap,
            batch_size=self.batch_size,
            num_workers=0,
            skip_broken=True,
        )
        return [row.numpy() if isinstance(row, Tensor) else str(row) for _, row in results]


def run_jobs_or_shared(
    runner: Runner,
    index: VideoIndex,
    output: Output,
    folder: Path | None,
    *,
    engine: EngineName | None,
    address: str | None,
    deadline_s: float,
    skip_broken: bool,
    **options: Any,
) -> Iterator[Result]:
    """Results of :func:`run_job` if there is an engine, else of :func:`run_shared`.

    Args:
        runner: whose network is shown the videos.
        index: the videos.
        output: what is wanted of clips.
        folder: for results of a job so far.
        engine: where to run; None for this process and those that torchrun started.
        address: of a cluster.
        deadline_s: seconds of a batch in a job.
        skip_broken: yield the error of a broken video, instead of raising it.
        **options: that both have.

    Raises:
        ValueError: If an option is only for jobs and there is no engine, or a job has no folder or
            shows frames in random order.
    """
    forward = runner.probabilities if output == "probabilities" else runner.features
    if engine is None:
        for name, value, default in (
            ("address", address, None),
            ("deadline_s", deadline_s, DEADLINE_S),
        ):
            if value != default:
                raise ValueError(f"{name} is for jobs; add --engine local or --engine ray")
        return run_shared(runner, index, forward, skip_broken=skip_broken, **options)
    if folder is None:
        raise ValueError("engine needs a folder for the results so far; name one with --out")
    if options["views"].frame_order == "shuffled":
        raise ValueError("frame_order must not be shuffled with an engine; leave one out")
    options |= {"address": address, "deadline_s": deadline_s}
    results = run_job(runner, index, output, folder, engine=engine, **options)
    return results if skip_broken else _raising(results)


def _raising(results: Iterator[Result]) -> Iterator[Result]:
    for name, row in results:
        if isinstance(row, VideoError):
            raise row
        yield name, row


def run_job(
    runner: Runner,
    index: VideoIndex,
    output: Output,
    folder: Path,
    *,
    engine: EngineName,
    address: str | None = None,
    deadline_s: float = DEADLINE_S,
    num_workers: int | None = None,
    on_progress: OnProgress | None = None,
    **options: Any,
) -> Iterator[Result]:
    """:func:`motionlens.inference.runner.run_videos` on an engine, going on where it was ended.

    Args:
        runner: whose network is shown the videos.
        index: the videos.
        output: what is wanted of clips.
        folder: for the results so far; removed once the last one is taken.
        engine: where to run, see
            :func:`motionlens.inference.batch_prediction.predict_videos`, like the next three.
        address: of the cluster.
        deadline_s: seconds of a batch.
        num_workers: processes or actors.
        on_progress: called with the number of videos done and of all videos.
        **options: ``views``, ``swap`` and ``batch_size``.

    Yields:
        Name of each video and its row, or why there is none, in the order of the index.

    Raises:
        ValueError: If the engine cannot be started, or the folder holds anything else.
    """
    arrow = require("pyarrow", "parquet")
    work = VideoWork.of(runner, index, output, **options)
    processes = open_job_engine(runner, engine, address=address, num_workers=num_workers)
    settings = {"job": output, **job_settings(runner), "views": repr(work.views)}
    settings |= {"swap": None if work.swap is None else work.swap.tolist(), "fps": index.fps}
    settings["root"] = str(work.root)
    columns = {"values": arrow.list_(arrow.float32())}

    def describe(_: VideoKey, row: NDArray[np.float32]) -> dict[str, Any]:
        return {"values": row}

    with open_parts(folder, columns, settings) as parts:
        fill(parts, video_keys(index), work, processes, describe, deadline_s, None, on_progress)
        parts.flush()
        rows = parts.rows_of(index.entry(i).key for i in range(len(index)))
        for i, row in enumerate(rows):
            error, values = row["error"], row["values"]
            found = torch.tensor(values, dtype=torch.float32) if error is None else None
            yield str(index.paths[i]), VideoError(error) if found is None else found
    with naming(folder):
        shutil.rmtree(folder)


def open_job_engine(runner: Runner, name: EngineName, **options: Any) -> Engine:
    """The engine for a network: of a cluster each actor takes a GPU if the network is on one."""
    return open_engine(name, num_gpus=int(runner.device.type == "cuda"), **options)


def job_settings(runner: Runner) -> dict[str, Any]:
    """What tells a network and its clips from others: plain values for a file."""
    network = runner.network
    if isinstance(network, OnnxNetwork):
        weights = hashlib.sha256(Path(network.path).read_bytes()).hexdigest()
    else:
        weights = checksum({name: value.cpu() for name, value in network.state_dict().items()})
    about = repr(network) + runner.card.to_json()
    return {
        "model": runner.card.model,
        "weights_sha256": weights,
        "card_sha256": hashlib.sha256(about.encode()).hexdigest(),
    }


def video_keys(index: VideoIndex) -> list[VideoKey]:
    """The clips of an index, each once."""
    return list(dict.fromkeys(index.entry(i).key for i in range(len(index))))


def fill(
    parts: PartFolder,
    keys: Sequence[VideoKey],
    work: VideoWork,
    engine: Engine,
    describe: Callable[[VideoKey, NDArray[np.float32]], Mapping[str, Any]],
    deadline_s: float,
    on_error: OnError | None,
    on_progress: OnProgress | None,
) -> None:
    """Add the rows that are missing."""
    missing = [key for key in keys if key not in parts]
    num_done = len(keys) - len(missing)
    if on_progress:
        on_progress(num_done, len(keys))
    found = engine.run(work, missing, batch_size=work.batch_size, deadline_s=deadline_s)
    with closing(found) as results:
        for number, result in results:
            key = missing[number]
            if isinstance(result, Lost):
                result = f"{key[0]}: its process {result.reason}; it may be damaged"
            if isinstance(result, str):
                parts.add(key, {"error": result})
                if on_error:
                    on_error(key[0], VideoError(result))
            else:
                parts.add(key, describe(key, result))
            num_done += 1
            if on_progress:
                on_progress(num_done, len(keys))
