"""The local AX: an ASGI app that serves the REST v2 contract, and the runs behind it."""
