"""The Python blocks of the users' documents, and what is written into them before they run."""

import json
import re
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

SOURCES = Path(__file__).parents[3] / "shared" / "sources"

_BLOCK = re.compile(r"^ *```python\b[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)

Fill = Mapping[str, str]
"""`{placeholder: expression}`; the expression is worked out beside the SDK, just before the block runs."""


class Page(NamedTuple):
    """A document: its file, the script of what it takes for granted, and its blocks in order.

    `always` fills a placeholder wherever it stands. A block is what fills it besides, or a sentence that says why it
    cannot run.
    """

    name: str
    setting: str
    always: Fill
    blocks: tuple[Fill | str, ...]

    def plan(self) -> str:
        """What `perform.py` reads. Skips where the documents are not there."""
        source = SOURCES / self.name
        if not source.exists():
            pytest.skip(f"{self.name} is a document of others that may not be copied; it is not beside the repository")
        text = source.read_text(encoding="utf-8")
        found = list(_BLOCK.finditer(text))
        assert len(found) == len(self.blocks), "the document has other blocks than the table"
        setting = (Path(__file__).parent / "older" / self.setting).read_text(encoding="utf-8")
        pairs = zip(found, self.blocks, strict=True)
        blocks = [self._block(text, block, fill) for block, fill in pairs if not isinstance(fill, str)]
        return json.dumps({"setting": setting, "blocks": blocks})

    def summary(self) -> str:
        """How many blocks run, and what keeps the others from it."""
        listed = [block for block in self.blocks if isinstance(block, str)]
        run = len(self.blocks) - len(listed)
        return "\n".join([f"{self.name}: {run} of {len(self.blocks)} Python blocks run", *listed])

    def _block(self, text: str, found: re.Match[str], fill: Fill) -> Mapping[str, Any]:
        code = textwrap.dedent(found[1])
        everywhere = {name: told for name, told in self.always.items() if re.search(rf"\b{name}\b", code)}
        return {"line": text.count("\n", 0, found.start()) + 2, "code": code, "fill": {**fill, **everywhere}}


TASKS = Page(
    "1-ax-sdk-tasks.md",
    "tasks_setting.py",
    {
        "your-space-name-or-id": "SPACE",
        "your-project-name-or-id": "PROJECT",
        "your-dataset-name-or-id": "DATASET",
        "experiment-id-1": "EXPERIMENTS[0]",
        "experiment-id-2": "EXPERIMENTS[1]",
    },
    (
        {},
        {},
        {"your-evaluator-id": "OF_QUERY"},
        {"your-evaluator-id": "OF_OUTPUT"},
        {"your-evaluator-id": "OF_QUERY"},
        {"# ...": "CONFIGURATION"},
        {"your-task-name-or-id": "'Relevance Monitor'"},
        {"your-task-name-or-id": "'Relevance Monitor'"},
        {"your-task-name-or-id": "'Relevance Monitor v2'"},
        {"your-task-name-or-id": "task_id('Custom Relevance')"},
        {"your-run-experiment-task": "after(run, 'Nightly QA Run')"},
        {"your-task-name-or-id": "after(run, 'Custom Relevance')"},
        {"your-task-name-or-id": "task_id('Custom Relevance')"},
        {"your-run-id": "resp.task_runs[0].id"},
        {"your-run-id": "pending()"},
        {"your-run-id": "pending()"},
        {"your-task-name-or-id": "task_id('Experiment Evaluation')"},
    ),
)

EXPERIMENTS = Page(
    "5-ax-experiment-in-code.md",
    "experiments_setting.py",
    {
        "YOUR_API_KEY": "KEY",
        "YOUR_DATASET_ID": "DATASET",
        "YOUR_DATASET_ID_OR_NAME": "DATASET",
        "your-space-name-or-id": "SPACE",
    },
    ({},) * 14,
)
