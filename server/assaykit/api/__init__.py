"""The HTTP client through which the tools reach a backend; there is no other way."""
