"""The toolset `tasks`."""
