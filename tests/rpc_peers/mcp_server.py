"""A server of the Model Context Protocol on standard input and output."""
from mcp.server import MCPServer

server = MCPServer("peer")


@server.tool()
def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


@server.tool()
def greet(name: str) -> str:
    """Greets."""
    return f"h\u00e9llo {name} \u2603"


server.run()
