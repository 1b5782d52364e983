"""The toolset `annotations`."""
