"""A function run by `experiments.run` of the `arize` SDK against an engine, in an interpreter with that SDK.

`arize_experiments.py ROWS SECONDS CONCURRENCY plain|async` prints the duration in seconds and the number of rows.
"""

import asyncio
import sys
import time
from typing import Any

from arize import ArizeClient


def main() -> None:
    rows, seconds, concurrency, kind = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    client = ArizeClient()
    space = client.spaces.list().spaces[0].id
    examples = [{"input": f"question {number}"} for number in range(rows)]
    dataset = client.datasets.create(name=f"bench {kind}", space=space, examples=examples)

    def plain(dataset_row: dict[str, Any]) -> Any:
        time.sleep(seconds)
        return dataset_row["input"]

    async def asynchronous(dataset_row: dict[str, Any]) -> Any:
        await asyncio.sleep(seconds)
        return dataset_row["input"]

    def same(output: Any, dataset_row: dict[str, Any]) -> bool:
        return output == dataset_row["input"]

    began = time.perf_counter()
    _, frame = client.experiments.run(
        name=f"bench {kind}", dataset=dataset.id, task=plain if kind == "plain" else asynchronous, evaluators=[same],
        concurrency=concurrency,
    )  # fmt: skip
    print(time.perf_counter() - began, len(frame))


if __name__ == "__main__":
    main()
