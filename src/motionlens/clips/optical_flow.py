"""Optical flow between frames, as further channels of a clip.

Needs OpenCV, which the extra ``flow`` brings; its dense inverse search (Kroeger, Timofte, Dai, Van
Gool: "Fast Optical Flow using Dense Inverse Search", ECCV 2016) takes about a millisecond for a
pair of small frames, where the TV-L1 of the two-stream papers takes many times that.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from motionlens._utils.optional import require
from motionlens.video.frames import check_frames

# Motion of so many pixels is 1 in a clip, and more is cut off.
BOUND_PX = 20.0
# Smaller frames are padded: the search's patches would not fit.
_LEAST_SIDE_PX = 32


def optical_flow(frames: Tensor) -> Tensor:
    """Motion from each frame to the next one.

    Args:
        frames: uint8 ``(T, 3, H, W)``, T at least 1.

    Returns:
        float32 ``(T - 1, 2, H, W)``, pixels: to the right, then down. The same for the same
        frames on any number of processors.

    Raises:
        ImportError: If OpenCV is not installed; the message says how to install it.
        ValueError: For frames of another kind.
    """
    H, W = check_frames(frames).shape[2:]
    cv2 = require("cv2", "flow")
    missing = max(_LEAST_SIDE_PX - H, 0), max(_LEAST_SIDE_PX - W, 0)
    grey = F.pad(_grey(frames)[:, None], (0, missing[1], 0, missing[0]), mode="replicate")[:, 0]
    pictures = grey.to(torch.uint8).contiguous().cpu().numpy()
    flows = np.zeros((len(pictures) - 1, *pictures.shape[1:], 2), np.float32)
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    threads = cv2.getNumThreads()
    # Its result depends slightly on the number of threads.
    cv2.setNumThreads(1)
    try:
        for flow, (before, after) in zip(flows, pairwise(pictures), strict=True):
            flow[:] = search.calc(before, after, None)
    finally:
        cv2.setNumThreads(threads)
    return torch.from_numpy(flows).permute(0, 3, 1, 2)[:, :, :H, :W].contiguous()


def clip_with_flow(frames: Tensor, colours: Tensor, flow_frames: int) -> Tensor:
    """A clip of colours and the flow that leads to each of its frames.

    Args:
        frames: uint8 ``(T * (flow_frames + 1), 3, h, w)``: every frame of the clip behind the
            frames that come before it.
        colours: float ``(3, T * (flow_frames + 1), h, w)``, the same ones normalised.
        flow_frames: pictures of flow for each frame of the clip, at least 1.

    Returns:
        float32 ``(3 + 2 * flow_frames, T, h, w)`` on the device of the colours: the colours of
        the last frame of each group, then flow to the right and down from its first frame to its
        second, from the second to the third, and so on; in units of 20 pixels, at most 1.

    Raises:
        ValueError: If the frames do not make groups.
        ImportError: If OpenCV is not installed.
    """
    group = flow_frames + 1
    if flow_frames < 1 or len(frames) % group:
        raise ValueError(
            f"frames must make groups of flow_frames + 1 = {group}, at least 2, got {len(frames)}"
        )
    flows = [optical_flow(part).flatten(0, 1) for part in torch.split(frames, group)]
    flow = (torch.stack(flows, 1) / BOUND_PX).clamp(-1, 1).to(colours)
    return torch.cat([colours[:, flow_frames::group], flow])


def _grey(frames: Tensor) -> Tensor:
    """Luminance, whole numbers as float32 ``(T, H, W)``."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=frames.device).view(3, 1, 1)
    return (frames.float() * weights).sum(1).round()
