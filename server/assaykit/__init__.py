"""assaykit: find out what is really in an LLM application.

An MCP server over the Arize AX REST API v2, with an embedded engine that serves the same contract.
"""

__version__ = "0.1.0"
