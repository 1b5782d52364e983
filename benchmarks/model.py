"""A model provider that answers every question alike after a set time: `python benchmarks/model.py LATENCY_S`.

`--refuse 0.1` answers that part of the calls with 429 and `Retry-After: 1`, by a seeded die; `--ceiling 100` takes so
many calls a second (and half as many at once) and refuses the rest the same way. The first line printed is the address.
`GET /` tells how many calls were taken and refused.
"""

import argparse
import asyncio
import json
import random
import time

ANSWER = json.dumps(
    {
        "model": "mock",
        "choices": [{"finish_reason": "stop", "message": {"content": '{"label": "good"}'}}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 5},
    }
).encode()


class Provider:
    def __init__(self, latency_s: float, refuse: float, ceiling: float | None) -> None:
        self.latency_s, self.refuse, self.ceiling = latency_s, refuse, ceiling
        self.taken = self.refused = 0
        self.tokens = self.burst = (ceiling or 0) / 2
        self.last = time.monotonic()
        self.die = random.Random(1)  # noqa: S311

    def takes(self) -> bool:
        if self.ceiling is not None:
            now = time.monotonic()
            self.tokens = min(self.burst, self.tokens + (now - self.last) * self.ceiling)
            self.last = now
            if self.tokens < 1:
                return False
            self.tokens -= 1
        return self.die.random() >= self.refuse

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
                writer.write(await self.answer(head))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return whole(b"200 OK", json.dumps({"taken": self.taken, "refused": self.refused}).encode())
        taken = self.takes()
        self.taken, self.refused = self.taken + taken, self.refused + (not taken)
        await asyncio.sleep(self.latency_s)
        if taken:
            return whole(b"200 OK", ANSWER)
        return whole(b"429 Too Many Requests", b'{"error": {"message": "slow down"}}', b"retry-after: 1\r\n")


def whole(status: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n%s\r\n%s" % (status, len(body), more, body)


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("latency_s", type=float)
    parser.add_argument("--refuse", type=float, default=0.0)
    parser.add_argument("--ceiling", type=float)
    given = parser.parse_args()
    provider = Provider(given.latency_s, given.refuse, given.ceiling)
    server = await asyncio.start_server(provider.connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
