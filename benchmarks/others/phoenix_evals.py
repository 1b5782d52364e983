"""Rows judged by Phoenix evals, in an interpreter with that package: `phoenix_evals.py URL ROWS CONCURRENCY`.

The script prints the wall clock and the CPU time in seconds, and the number of rows with a label.
"""

import asyncio
import os
import sys
import time

import pandas as pd
from phoenix.evals import LLM, ClassificationEvaluator, async_evaluate_dataframe

TEXT = "Thank you for asking. " * 40
PROMPT = "Is this answer polite? Answer good or bad.\n\n{output}"


def main() -> None:
    url, rows, concurrency = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    # The package's default rate limit would dominate the measurement; this rate throttles nothing.
    llm = LLM(
        provider="openai", model="mock", base_url=url, api_key="sk-bench", initial_per_second_request_rate=1_000_000
    )
    judge = ClassificationEvaluator(
        name="politeness", llm=llm, prompt_template=PROMPT, choices={"good": 1.0, "bad": 0.0}, include_explanation=False
    )
    frame = pd.DataFrame({"output": [f"{number:06} {TEXT}" for number in range(rows)]})
    wall, cpu = time.perf_counter(), time.process_time()
    judged = asyncio.run(
        async_evaluate_dataframe(frame, [judge], concurrency=concurrency, hide_tqdm_bar=True, exit_on_error=False)
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    labelled = sum("good" in str(cell) for cell in judged["politeness_score"])
    print(wall, cpu, labelled)


if __name__ == "__main__":
    os.environ.setdefault("PHOENIX_TELEMETRY_ENABLED", "false")
    main()
