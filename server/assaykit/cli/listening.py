"""Taking a port on loopback before anything is served on it."""

import socket

from assaykit.errors import Unavailable

HOST = "127.0.0.1"
"""Not `localhost`: a name may resolve to something else."""


def listen(port: int) -> socket.socket:
    """A bound socket on loopback; port 0 takes a free one.

    Raises:
        Unavailable: the port is taken.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"Port {port} cannot be used: {error.strerror}.", "Choose another with --port, or --port 0 for a free one."
        ) from error
    return listener
