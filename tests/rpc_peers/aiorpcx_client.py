"""A client of aiorpcX: makes its calls and prints what became of each, a line of JSON."""
import asyncio
import json
import sys

import aiorpcx

CALLS = [
    ("echo", ["plain"]),
    ("add", [20, 22]),
    ("echo", ["h\u00e9llo \u2603 \U0001f600"]),
    ("fail", []),
    ("echo", ["x" * 100_000]),
    ("add", [1, 2]),
]


def shown(value):
    text = json.dumps(value)
    return text if len(text) < 60 else f"{len(text)} characters"


async def outcome(awaitable, patience):
    try:
        return ["ok", shown(await asyncio.wait_for(awaitable, patience))]
    except asyncio.TimeoutError:
        return ["silence"]
    except aiorpcx.RPCError as error:
        return ["error", error.code]
    except (Exception, asyncio.CancelledError) as error:  # what it may raise is what is to be seen
        return ["broken", type(error).__name__]


async def main(port, patience):
    outcomes = []
    async with aiorpcx.connect_rs("127.0.0.1", port) as session:
        for method, params in CALLS:
            outcomes.append(await outcome(session.send_request(method, params), patience))

        async def batch():
            async with session.send_batch() as batch:
                batch.add_request("add", [1, 1])
                batch.add_request("echo", ["two"])
            return batch.results

        outcomes.append(await outcome(batch(), patience))
    print(json.dumps(outcomes))


asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
