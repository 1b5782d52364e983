"""The toolset `running`."""
