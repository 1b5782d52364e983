"""The names of this machine's loopback interface."""

LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
"""Host names that never leave this machine. An IPv6 address stands without its brackets."""
