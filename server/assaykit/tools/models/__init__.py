"""The toolset `models`."""
