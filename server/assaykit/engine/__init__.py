"""The local AX: an ASGI app that serves the REST v2 contract, and what runs behind it."""
