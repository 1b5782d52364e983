"""The toolset `runs`."""
