"""The MCP tools, one module per toolset. A tool is one function marked with `@tool(effect)`; modules are discovered."""
