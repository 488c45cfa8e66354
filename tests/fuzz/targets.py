"""All targets by their names."""

from fuzz import data, networks, requests, videos
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    "videos": videos.VIDEOS,
    "pictures": videos.PICTURES,
    "lists": data.LISTS,
    "cards": networks.CARDS,
    "recipes": data.RECIPES,
    "shards": data.SHARDS,
    "checkpoints": networks.CHECKPOINTS,
    "onnx": networks.ONNX,
    "http": requests.HTTP,
}
