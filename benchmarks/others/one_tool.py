"""An MCP server with one tool on the SDK alone: the floor of a start and of a call."""

from mcp.server.mcpserver import MCPServer

server = MCPServer("one")


@server.tool()
async def echo(text: str) -> str:
    """Return the text."""
    return text


server.run("stdio")
