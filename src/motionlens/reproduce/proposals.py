"""Pictures of the proposals of trained networks: on the toy's block, and in the user's videos."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from motionlens.datasets.parts import open_parts
from motionlens.explain.correspondences import Correspondences, Match, explain_clips
from motionlens.explain.drawing.overview import Strip, draw_comparison, draw_strips, strongest_place
from motionlens.inference.checkpoint import load_checkpoint
from motionlens.inference.recognizer import Recognizer
from motionlens.reproduce.landing import touched_cells
from motionlens.reproduce.toy_training import first_of_each_class, validation_videos
from motionlens.synthetic.toy import CLASS_NAMES
from motionlens.training.run_folder import run_recipe

_MOST_VIDEOS = 6


def draw_toy_proposals(run: Path, canvas: str, path: Path) -> None:
    """Draw what a toy network proposes for the moving block, one validation video per direction.

    Args:
        run: run folder of a network with a CP module.
        canvas: the canvas that it was trained on.
        path: file of the picture.

    Raises:
        OSError: If the picture cannot be written.
    """
    videos = validation_videos(canvas)
    chosen = first_of_each_class(videos)
    (found,) = explain_clips(load_checkpoint(run)[0], videos.clips()[chosen]).values()
    rows = []
    for place, video in enumerate(chosen):
        # The second frame has neighbours on both sides.
        match = block_match(found, place, 1, videos.corners[video, 1], videos.frames.shape[-1])
        picture = videos.frames[video, :, :, :, None].expand(-1, -1, -1, 3).numpy()
        rows.append(Strip(picture, match, CLASS_NAMES[place]))
    draw_strips(rows, path, "Proposals of the moving block, one validation video a direction")


def block_match(found: Correspondences, clip: int, frame: int, corner: Tensor, side: int) -> Match:
    """The position on the block that the module changed most, and its proposals.

    Args:
        found: the correspondences of a batch of clips.
        clip: place in the batch.
        frame: frame of the position.
        corner: row and column of the block's top left pixel in that frame.
        side: side of the canvas, pixels.
    """
    H, W = found.grid
    first = torch.arange(0, side, side // H)
    on_block = touched_cells(corner, first, first + side // H)
    change = found.change[clip, frame].masked_fill(~on_block, -torch.inf)
    return found.of_clip(clip).match(frame, *divmod(int(change.argmax()), W))


def draw_video_proposals(run: Path, path: Path) -> None:
    """Draw what a network matches in one validation video of each of the first 6 classes.

    The position is the one that the last module changes most.

    Args:
        run: run folder of a network with CP modules.
        path: of the picture.

    Raises:
        ValueError: If a video cannot be decoded.
        OSError: If the picture cannot be written.
    """
    recognizer = Recognizer.from_pretrained(run, device="cpu")
    _, validation = open_parts(run_recipe(run).source)
    _, first = np.unique(validation.labels, return_index=True)
    explained = [recognizer.explain(str(validation.path(int(i)))) for i in first[:_MOST_VIDEOS]]
    draw_comparison(
        [(each, strongest_place(each)) for each in explained],
        path,
        title="Proposals of the position that the last module changes most",
    )
