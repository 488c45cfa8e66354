import pytest
from torch.utils.data import DataLoader, Dataset

from motionlens._utils.errors import one_line


class Broken(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 1

    def __getitem__(self, index):
        try:
            raise KeyError("another error before")
        except KeyError:
            raise self.error  # noqa: B904 - the error before shall be part of the traceback


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ImportError("cv2 is needed here: pip install"), "cv2 is needed here: pip install"),
        (MemoryError(), "MemoryError"),
        (OSError("two\nlines"), "two lines"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "odd"), "'utf-8' codec can't decode byte 0x78"),
    ],
)
def test_an_error_in_a_loaders_process_says_what_happened_there_alone(error, line):
    with pytest.raises(Exception, match="Original Traceback") as raised:
        next(iter(DataLoader(Broken(error), num_workers=1)))
    assert one_line(raised.value).startswith(line)
    assert "Traceback" not in one_line(raised.value)


def test_what_a_file_holds_does_not_flood_the_terminal():
    text = one_line(ValueError("a.csv: odd cell " + "x" * 100_000 + "; correct it"))
    assert len(text) < 1100
    assert text.startswith("a.csv: odd cell xxx")
    assert text.endswith("xxx; correct it")
