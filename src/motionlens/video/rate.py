"""The frame rate of a video, from its head alone."""

from pathlib import Path

from motionlens.video.container import check_file, file_address, open_container, read_fps
from motionlens.video.file import open_video
from motionlens.video.limits import limits_in_force
from motionlens.video.pictures import is_pattern, is_webp
from motionlens.video.shards import is_shard_path, read_table, table_row


def frame_rate(path: Path, *, fps: float) -> float:
    """Frames per second on average, as the head of a file declares them; no frame is decoded.

    Args:
        path: anything that :func:`motionlens.video.file.open_video` opens.
        fps: frame rate of folders of pictures.

    Raises:
        VideoError: If there is nothing there, or it is no video.
    """
    if path.is_dir() or is_pattern(path):
        return fps
    if is_shard_path(path):
        table = read_table(path.parent)
        return float(table.fps[table_row(table, path)])
    check_file(path)
    if is_webp(path):
        with open_video(path) as reader:
            return reader.fps
    container, stream = open_container(file_address(path), str(path), limits_in_force())
    with container:
        return read_fps(stream)
