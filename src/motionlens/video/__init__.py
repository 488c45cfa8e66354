"""Pictures in: video files, folders of pictures, arrays, cameras and addresses, shards."""

from motionlens.video.file import open_video as open_video

__all__ = ["open_video"]
