"""Draw the frames of a scene."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from motionlens.datasets.prepared import Part
from motionlens.synthetic.motion_suite.camera import picture_side
from motionlens.synthetic.motion_suite.footage import Footage
from motionlens.synthetic.motion_suite.hands import draw_hand, paste_hand
from motionlens.synthetic.motion_suite.noise import draw_noise
from motionlens.synthetic.motion_suite.scenes import Look, Scene, Setting, Track
from motionlens.synthetic.motion_suite.shapes import outline
from motionlens.synthetic.motion_suite.textures import paint

_PHOTO = "photo or "
_BILINEAR = Image.Resampling.BILINEAR

Canvas = NDArray[np.float32]  # (H, W, 3), 0 to 255


def render(
    scene: Scene, setting: Setting, *, footage: Footage | None = None, part: Part = "train"
) -> NDArray[np.uint8]:
    """Draw the frames of a scene.

    Args:
        scene: what to draw.
        setting: of the suite.
        footage: for photographed patches and windows; textures are painted if None.
        part: which stretch of the footage may be used.

    Returns:
        uint8 ``(T, size, size, 3)``, red, green, blue.
    """
    if scene.tracks[0].role == "window":
        frames = _windows(scene, setting, footage, part)
    elif scene.ground.kind == "noise":
        frames = draw_noise(scene, setting)
    else:
        frames = _patches(scene, setting, footage, part)
    if scene.light is not None:
        frames *= scene.light[:, None, None, None].astype(np.float32)
    if scene.blur:
        frames = _blurred(frames, scene.blur)
    rng = np.random.default_rng(scene.seed)
    # The same noise for all colours: a camera mostly has noise of brightness.
    noise = rng.standard_normal((*frames.shape[:3], 1), dtype=np.float32)
    frames += setting.difficulty.noise * noise
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def _windows(scene: Scene, setting: Setting, footage: Footage | None, part: Part) -> Canvas:
    side, size = picture_side(setting), setting.size
    if footage is None:
        painted = paint(scene.ground.kind, scene.ground.seed, side, side, scene.ground.contrast)
        pictures = [Image.fromarray(painted.astype(np.uint8))] * setting.num_frames
    else:
        pictures = footage.run(
            scene.ground.seed, part, setting.num_frames, side, running=setting.difficulty.running
        )
    boxes = scene.tracks[0].boxes
    views = [
        picture.resize((size, size), _BILINEAR, box=(left, top, left + width, top + height))
        for picture, (top, left, height, width) in zip(pictures, boxes.tolist(), strict=True)
    ]
    return np.stack([np.asarray(view, dtype=np.float32) for view in views])


def _patches(scene: Scene, setting: Setting, footage: Footage | None, part: Part) -> Canvas:
    frames = _ground(scene, setting, footage, part)
    for track in scene.tracks:
        if track.role != "ground":
            _draw(frames, track, footage, part)
    return frames


def _ground(scene: Scene, setting: Setting, footage: Footage | None, part: Part) -> Canvas:
    size, look = setting.size, scene.ground
    drifts = np.floor(scene.ground_path).astype(int)
    if look.kind == "clouds":  # they continue over their borders, so they can be rolled
        ground = paint(look.kind, look.seed, size, size, look.contrast)
        return np.stack([np.roll(ground, drift, axis=(0, 1)) for drift in drifts.tolist()])
    margin = int(np.abs(drifts).max())
    side = size + 2 * margin
    picture = _texture(look, side, side, footage, part)
    corners = (margin - drifts).tolist()
    return np.stack([picture[row : row + size, column : column + size] for row, column in corners])


def _draw(frames: Canvas, track: Track, footage: Footage | None, part: Part) -> None:
    """Draw one thing into all frames that it is in."""
    there = np.flatnonzero(~np.isnan(track.boxes[:, 0]))
    # Whole pixels: sharpness must not tell where between two pixels a thing is.
    corners = np.floor(track.boxes[there, :2]).astype(int).tolist()
    sides = np.maximum(np.rint(track.boxes[there, 2:]), 1).astype(int)
    look = track.look
    if look.shape == "hand":
        hand = draw_hand(look.seed, len(frames))
        colour = 127.5 + look.contrast * (hand.colour - 127.5)
        for t, (top, left), (side, _) in zip(there, corners, sides.tolist(), strict=True):
            paste_hand(frames[t], hand.capsules[t], colour, (top, left), side)
        return
    tallest, widest = sides.max(0).tolist()
    texture = _texture(look, tallest, widest, footage, part)
    for t, (top, left), (height, width) in zip(there, corners, sides.tolist(), strict=True):
        _paste(frames[t], _resized(texture, height, width), top, left, look.shape)


def _texture(look: Look, height: int, width: int, footage: Footage | None, part: Part) -> Canvas:
    kind = look.kind
    if kind.startswith(_PHOTO):
        if footage is not None:
            cut = footage.patch(look.seed, part, max(height, width))
            return (127.5 + look.contrast * (cut[:height, :width] - 127.5)).astype(np.float32)
        kind = kind.removeprefix(_PHOTO)
    return paint(kind, look.seed, height, width, look.contrast)


def _resized(texture: Canvas, height: int, width: int) -> Canvas:
    if texture.shape[:2] == (height, width):
        return texture
    layers = [
        np.asarray(Image.fromarray(texture[..., c]).resize((width, height), _BILINEAR))
        for c in range(3)
    ]
    return np.stack(layers, axis=-1)


def _paste(frame: Canvas, patch: Canvas, top: int, left: int, shape: str) -> None:
    """Put a patch onto a frame; what lies outside is cropped."""
    height, width = patch.shape[:2]
    rows = slice(max(top, 0), max(top + height, 0))
    columns = slice(max(left, 0), max(left + width, 0))
    place = frame[rows, columns]
    inside = slice(rows.start - top, None), slice(columns.start - left, None)
    visible = patch[inside][: place.shape[0], : place.shape[1]]
    shown = outline(shape, height, width)[inside][: place.shape[0], : place.shape[1]]
    place[shown] = visible[shown]


def _blurred(frames: Canvas, sigma: float) -> Canvas:
    """Blurred along rows and columns with a Gaussian; borders are continued."""
    reach = int(np.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (1, 2):
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(4)]
        padded, length = np.pad(frames, pad, mode="edge"), frames.shape[axis]
        frames = sum(
            weight * np.take(padded, range(i, i + length), axis) for i, weight in enumerate(weights)
        )
    return frames
