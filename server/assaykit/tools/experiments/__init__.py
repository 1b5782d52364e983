"""The toolset `experiments`."""
