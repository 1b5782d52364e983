"""The toolset `datasets`."""
