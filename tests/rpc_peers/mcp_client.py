"""A client of the Model Context Protocol: starts the command it is given as its server, makes its calls
and prints what became of each, a line of JSON."""
import asyncio
import json
import sys

from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client


async def outcome(call, patience):
    try:
        return ["ok", await asyncio.wait_for(call, patience)]
    except asyncio.TimeoutError:
        return ["silence"]
    except MCPError as error:
        return ["error", error.error.code]
    except (Exception, asyncio.CancelledError) as error:  # what it may raise is what is to be seen
        return ["broken", type(error).__name__]


async def main(outcomes, patience, command, arguments):
    server = StdioServerParameters(command=command, args=arguments)
    async with stdio_client(server) as streams, ClientSession(*streams) as session:

        async def start():
            return (await session.initialize()).server_info.name

        async def tools():
            return sorted(tool.name for tool in (await session.list_tools()).tools)

        async def call(name, given):
            return (await session.call_tool(name, given)).content[0].text

        outcomes.append(await outcome(start(), 10 * patience))
        outcomes.append(await outcome(tools(), patience))
        outcomes.append(await outcome(call("add", {"a": 20, "b": 22}), patience))
        outcomes.append(await outcome(call("greet", {"name": "you"}), patience))
        outcomes.append(await outcome(call("add", {"a": 1, "b": 2}), patience))


outcomes = []
try:
    asyncio.run(main(outcomes, float(sys.argv[1]), sys.argv[2], sys.argv[3:]))
except BaseException as error:  # the whole session may break
    outcomes.append(["session broken", type(error).__name__])
print(json.dumps(outcomes))
