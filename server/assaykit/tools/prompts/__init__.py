"""The toolset `prompts`."""
