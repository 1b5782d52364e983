"""The embedded engine: an ASGI app that serves the REST v2 contract of AX, and executes task runs."""
