import pytest
from torch.utils.data import DataLoader, Dataset

from motionlens._utils.errors import one_line


class Broken(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise ImportError("cv2 is needed here")


def test_an_error_in_a_loaders_process_says_what_happened_there_alone():
    with pytest.raises(ImportError, match="Original Traceback") as raised:
        next(iter(DataLoader(Broken(), num_workers=1)))
    assert one_line(raised.value) == "cv2 is needed here"
