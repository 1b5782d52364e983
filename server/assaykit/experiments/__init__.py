"""Experiments: comparing them, executing a user's function, and the provenance of examples."""
