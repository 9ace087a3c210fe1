"""Fetches URLs, four at a time, and returns for each its status and body size, or the cause of its failure.

    pip install componentize-py
    componentize-py -d ../../wit/fetch -d wit -w example:caller/caller componentize caller -o caller.wasm
    wac plug --plug fantail.wasm caller.wasm -o composed.wasm
    wasmtime run -Shttp --invoke 'run(["https://example.com/"])' composed.wasm
"""

import wit_world
from componentize_py_types import Err, Ok, Result
from wit_world.imports.batch import Batch, Body_Unread, BodyMode, Failure, Policy, Response


class WitWorld(wit_world.WitWorld):
    async def run(self, urls: list[str]) -> list[str]:
        policy = Policy()
        policy.set_concurrency(4)
        policy.set_timeout(2_000)
        policy.set_body(BodyMode.UNREAD)
        lines = []
        with await Batch.start(policy) as batch:
            batch.push_urls(urls)
            while outcomes := await batch.next(100):
                lines += [f"{outcome.url} {await describe(outcome.result)}" for outcome in outcomes]
        return lines


async def describe(result: Result[Response, Failure]) -> str:
    match result:
        case Ok(Response(status, _, Body_Unread((body, trailers)))):
            size = 0
            with body:
                while not body.writer_dropped:
                    size += len(await body.read(65536))
            # The trailers tell whether the body was complete.
            match await trailers.read():
                case Ok(_):
                    return f"{status}, {size} bytes"
                case Err(failure):
                    return f"{status}, {failure.cause} after {size} bytes"
        case Err(failure):
            return failure.cause
