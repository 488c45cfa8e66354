import numpy as np

from motionlens.synthetic.motion_suite.samples import draw_samples
from motionlens.synthetic.motion_suite.suite import MotionSuite


def test_one_strip_a_class():
    suite = MotionSuite("collision", "easy", size=32)
    sheet = np.asarray(draw_samples(suite))
    assert sheet.shape == (3 * 34, 112 + 8 * 34, 3)
    for i in range(3):
        frames, label = suite.clip("train", i)
        row = sheet[label * 34 :, 112:]
        assert np.array_equal(row[:32, :32], frames[0])
        assert np.array_equal(row[:32, 7 * 34 : 7 * 34 + 32], frames[7])
