"""A model provider that gives every prompt the same answer after a set time: `python benchmarks/model.py LATENCY_S`.

`--refuse 0.1` answers that share of the calls, chosen at random with a fixed seed, with 429 and `Retry-After: 1`.
`--ceiling 100` accepts 100 calls per second (and 50 at once) and refuses the rest in the same way. The first line of
output is the base URL. `GET /` returns the counts of accepted and refused calls.
"""

import argparse
import json
import random
import time

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

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

    async def connection(self, stream: ByteStream) -> None:
        reader = BufferedByteReceiveStream(stream)
        try:
            while True:
                head = await reader.receive_until(b"\r\n\r\n", 65536)
                length = next(
                    (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
                )
                await reader.receive_exactly(length)
                await stream.send(await self.answer(head))
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError):
            await stream.aclose()

    async def answer(self, head: bytes) -> bytes:
        if head.startswith(b"GET"):
            return whole(b"200 OK", json.dumps({"taken": self.taken, "refused": self.refused}).encode())
        taken = self.takes()
        self.taken, self.refused = self.taken + taken, self.refused + (not taken)
        await anyio.sleep(self.latency_s)
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
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    print(f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/v1", flush=True)  # noqa: S610  (anyio's word)
    await listener.serve(provider.connection)


if __name__ == "__main__":
    anyio.run(main)
