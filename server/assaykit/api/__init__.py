"""HTTP, and only HTTP: the one way from the tools to a backend."""
