"""The MCP tools. A toolset is a module, or a folder with a module `tools`; `@tool(effect)` marks each tool function."""
