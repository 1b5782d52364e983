"""The page `docs/evaluators.md`, made of the table of evaluators."""

import re
import textwrap
from collections.abc import Iterable, Sequence

from tests.libraries.evaluator_table import Cell, Library

_HEAD = """# Evaluators of other libraries

`run_experiment` and `assaykit run` take evaluators of a library that your own environment has. Import or make them in
a file of yours, and name them as you name a function: `checks.py:similar`. `python` names the interpreter, else your
project's `.venv` is used. `tests/libraries` judges a row with each evaluator of the table, beside the library's own
call, and writes this page.

An object that has a `name` has it as its column; functions and other objects have yours. An object judges by
`evaluate`, by langchain's `evaluate_strings`, by RAGAS' `ascore`, or by being called; a method has a name with a dot:
`checks.py:similar.eval_async`. Parameters get values by name: [experiments.md](experiments.md#run-a-function) has the
list. In an evaluator, `prediction`, `response` and `actual_output` are the output of the task too, and `user_input`
is the input, unless the dataset has a column of that name.

Models of the library's own are asked by the library, with your keys: `OPENAI_BASE_URL` and the like count there.
assaykit neither counts nor limits these calls.

| Library | Evaluator | Form | As it is | Columns: label, score |
|---|---|---|---|---|
"""

_WRAPPED = """
"No" stands where a library judges an object of its own kind, such as a test case. A function of three lines makes
that object, and returns the result of the library as it is: its score, label, reason and pass are read.

"""

PHOENIX_SCRIPT = """\
from phoenix.client import Client
from phoenix.client.experiments import create_evaluator

client = Client()
dataset = client.datasets.get_dataset(dataset="capitals")


def answer(input):
    return {"France": "Paris", "Chad": "Lima"}[input["country"]]


@create_evaluator(kind="CODE", name="correct")
def is_correct(output, expected):
    return output == expected["city"]


def length(output, expected, metadata):
    return len(output) / len(expected["city"]), metadata["continent"]


client.experiments.run_experiment(
    dataset=dataset,
    task=answer,
    evaluators=[is_correct, length],
    experiment_name="first",
    experiment_metadata={"model": "m-1"},
    repetitions=2,
)
"""

_MOVING = """
## From phoenix.client

assaykit serves the REST API of Arize AX, and not that of Phoenix. So a script of `phoenix.client` moves: its
functions stay as they are, also those with Phoenix's decorators, and calls take the place of the client's. This is a
script, `script.py`:

```python
{script}```

1. Export the dataset once, with Phoenix's client, and make it here:

   ```python
   dataset.to_dataframe().to_json("capitals.jsonl", orient="records", lines=True)
   ```

   ```text
   create_dataset(name="capitals", file="capitals.jsonl")
   ```

2. Save the functions and their imports as `capitals.py`, without the lines that use `client`:

   ```python
{functions}   ```

3. Run them. `binding="phoenix"` binds parameters and reads verdicts as Phoenix does: a tuple of two is a score and a
   label.

   ```text
   run_experiment(task="capitals.py:answer", dataset="capitals", name="first", metadata={"model": "m-1"},
                  evaluators=["capitals.py:is_correct", "capitals.py:length"], repetitions=2, binding="phoenix")
   ```

| `phoenix.client` | Here |
|---|---|
| `experiment_name`, `experiment_metadata`, `repetitions`, `timeout` | `name`, `metadata`, `repetitions`, `timeout` |
| `dry_run=3` | `dry_run=true, dry_run_count=3` |
| `concurrency` of the async client | `concurrency` |
| `resume_experiment` | the same call again; failed rows: `retry_experiment` |
| `get_experiment` | `get_experiment`, `compare_experiments` |
"""


def functions() -> str:
    """The script without the statements that use the client."""
    blocks = re.split(r"\n(?=\S)", PHOENIX_SCRIPT)
    whole = "\n".join(one for one in blocks if not re.match(r"(from phoenix\.client import|client|dataset|\))", one))
    return re.sub(r"\n\n+(?=def|@)", "\n\n\n", f"{whole.rstrip()}\n")


def page(libraries: Sequence[Library]) -> str:
    """The whole page."""
    return _HEAD + "".join(_rows(libraries)) + _WRAPPED + "\n".join(_wrappers(libraries)) + _moving()


def calls(text: str) -> list[str]:
    """The calls of tools on a page: its blocks of text."""
    blocks: list[str] = re.findall(r"^ *```text\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    return [block.strip() for block in blocks]


def _moving() -> str:
    inside = textwrap.indent(functions(), "   ")
    return _MOVING.replace("{script}", PHOENIX_SCRIPT).replace("{functions}", inside)


def _rows(libraries: Iterable[Library]) -> Iterable[str]:
    for library in libraries:
        for cell in library.cells:
            verdicts = ", ".join(f"`{name}`: {_parts(*parts)}" for name, parts in cell.verdicts.items())
            reason = ", with its reason" if cell.explanation else ""
            direct = "yes" if cell.direct else "no"
            yield f"| {library.name} | `{cell.name}` | {cell.form} | {direct} | {verdicts}{reason} |\n"


def _parts(label: str | None, score: float | None) -> str:
    told = [] if label is None else [label]
    return ", ".join([*told, *([] if score is None else [f"{score:.4g}"])])


def _wrappers(libraries: Iterable[Library]) -> Iterable[str]:
    """The user's file of each library that needs a function somewhere."""
    for library in libraries:
        if wrapped := [cell for cell in library.cells if not cell.direct]:
            yield f"### {library.name}\n\n```python\n{_code(library, wrapped)}```\n"


def _code(library: Library, wrapped: Sequence[Cell]) -> str:
    """The imports, and the paragraphs of the file that the functions of the user's need."""
    imports, *others = textwrap.dedent(library.checks).strip().split("\n\n")
    kept = [one for one in others if any(re.search(rf"def {cell.name}\(", one) for cell in wrapped)]
    used = [one for one in others if one not in kept and _is_used(one, "\n".join(kept))]
    return "\n\n\n".join([imports, *(one for one in others if one in kept or one in used)]) + "\n"


def _is_used(paragraph: str, by: str) -> bool:
    """Whether a name that the paragraph defines stands in the text."""
    defined = re.findall(r"^(?:async )?(?:def )?(\w+)(?:\(| =)", paragraph, re.MULTILINE)
    return any(re.search(rf"\b{name}\b", by) for name in defined)
