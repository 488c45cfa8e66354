"""One clip of each class side by side, as a picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from motionlens.synthetic.motion_suite.suite import MotionSuite

# Of a column of short names, at least.
_GAP_PX, _NAME_PX = 2, 112


def draw_samples(suite: MotionSuite) -> Image.Image:
    """The first training clip of each class as a strip of all its frames, with its name."""
    size, num_frames = suite.setting.size, suite.setting.num_frames
    cell = size + _GAP_PX
    num_classes = len(suite.class_names)
    longest = max(int(ImageFont.load_default().getlength(name)) for name in suite.class_names)
    name_px = max(_NAME_PX, longest + 12)
    sheet = Image.new("RGB", (name_px + num_frames * cell, num_classes * cell), "white")
    pen = ImageDraw.Draw(sheet)
    for i in range(num_classes):  # each of the first has another class
        frames, label = suite.clip("train", i)
        top = label * cell
        pen.text((4, top + size // 2 - 6), suite.class_names[label], fill="black")
        strip = np.pad(frames, ((0, 0), (0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255)
        sheet.paste(Image.fromarray(np.concatenate(list(strip), axis=1)), (name_px, top))
    return sheet
