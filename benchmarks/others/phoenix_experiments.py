"""A function run by Phoenix's `run_experiment`, in an interpreter with Phoenix's client.

`phoenix_experiments.py URL ROWS SECONDS CONCURRENCY plain|async` prints the duration in seconds and the number of
rows.
"""

import asyncio
import sys
import time
from typing import Any

from phoenix.client import AsyncClient, Client


def same(output: Any, input: dict[str, Any]) -> bool:  # noqa: A002  (bound by its name)
    return output == input["question"]


async def asynchronous(client: Any, dataset: Any, seconds: float, concurrency: int) -> Any:
    async def task(input: dict[str, Any]) -> Any:  # noqa: A002
        await asyncio.sleep(seconds)
        return input["question"]

    return await client.experiments.run_experiment(
        dataset=dataset, task=task, evaluators=[same], concurrency=concurrency, print_summary=False
    )


def plain(client: Any, dataset: Any, seconds: float) -> Any:
    def task(input: dict[str, Any]) -> Any:  # noqa: A002
        time.sleep(seconds)
        return input["question"]

    return client.experiments.run_experiment(dataset=dataset, task=task, evaluators=[same], print_summary=False)


def main() -> None:
    url, rows, seconds, concurrency, kind = sys.argv[1:]
    client = Client(base_url=url)
    questions = [{"question": f"question {number}"} for number in range(int(rows))]
    dataset = client.datasets.create_dataset(name=f"bench {kind}", inputs=questions)
    began = time.perf_counter()
    if kind == "async":
        ran = asyncio.run(asynchronous(AsyncClient(base_url=url), dataset, float(seconds), int(concurrency)))
    else:
        ran = plain(client, dataset, float(seconds))
    print(time.perf_counter() - began, len(ran["task_runs"]))


if __name__ == "__main__":
    main()
