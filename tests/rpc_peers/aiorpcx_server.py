"""A server of aiorpcX: lines of JSON-RPC over TCP. Prints its port."""
import asyncio
import sys

import aiorpcx


async def echo(value):
    return value


async def add(a, b):
    return a + b


async def fail():
    raise aiorpcx.RPCError(7, "as asked")


HANDLERS = {"echo": echo, "add": add, "fail": fail}


class Session(aiorpcx.RPCSession):
    async def handle_request(self, request):
        handler = HANDLERS.get(request.method)
        return await aiorpcx.handler_invocation(handler, request)()


async def main():
    server = await aiorpcx.serve_rs(Session, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


asyncio.run(main())
