import socket

import pytest

from motionlens._utils.ray_cluster import check_reachable


@pytest.mark.parametrize("address", ["foo", "ray://host:10001", "host:", ":6379", "host:x"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="must be auto, local or HOST:PORT of the head, got"):
        check_reachable(address)


def test_where_nobody_listens_is_said_at_once():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ValueError, match=f"{address} cannot be reached: Connection refused"):
            check_reachable(address)
        free.listen()
        check_reachable(address)
    with pytest.raises(ValueError, match="cannot be reached"):
        check_reachable("127.0.0.1:99999")
