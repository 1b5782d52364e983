"""Functions of notebooks: what they need is run, and nothing else."""

import ast
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from assaykit.runner.assaykit_worker import loading, notebooks
from assaykit.runner.code import code_of

CELLS = [
    "%load_ext autoreload\n!pip install nothing\nimport os\nimport json as j",
    "PROMPT = 'Answer: '\nRATE = 2\nOTHER = open('/nonexistent')",
    "%%bash\nrm -rf everything",
    "%%time\ndef shout(text):\n    return text.upper()",
    "def answer(input):\n    return shout(PROMPT + input)",
    "results = [answer(one) for one in ['paid', 'calls']]\nresults\nanswer?",
    "class Checks:\n    def evaluate(self, *, output):\n        return RATE",
    "PROMPT = 'Say: '\nfiles = !ls\nos.environ['MADE_BY_CELL'] = 'yes'\nraise SystemExit",
]


def notebook(folder: Path, cells: Sequence[str], **about: Any) -> str:
    told = {
        "nbformat": 4,
        "cells": [{"cell_type": "markdown", "source": "# Title"},
                  *({"cell_type": "code", "source": one.splitlines(keepends=True)} for one in cells)],
        "metadata": {"kernelspec": {"language": "python"}, **about},
    }  # fmt: skip
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps(told), encoding="utf-8")
    return str(path)


def test_a_function_of_a_notebook_gets_its_definitions_and_no_cell_is_executed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MADE_BY_CELL", raising=False)
    path = notebook(tmp_path, CELLS)
    found = loading.member(path, "answer")
    assert found("hello") == "SAY: HELLO"
    assert found.__globals__["os"].environ["MADE_BY_CELL"] == "yes"
    assert not {"results", "OTHER", "Checks", "RATE"} & found.__globals__.keys()
    assert loading.member(path, "Checks")().evaluate(output="x") == 2
    (note, *_) = [one for one in loading.notes() if "that answer uses" in one]
    assert "notebook.ipynb was not executed: imports and the definitions that answer uses were run, " in note


@pytest.mark.parametrize(
    ("cells", "about", "said"),
    [
        (["def other(): pass"], {}, "has no function 'answer'; it has other"),
        (["def answer(:"], {}, "code cell 1 of notebook.ipynb is no Python"),
        (["x"], {"kernelspec": {"language": "R"}}, "is a notebook of R, and not of Python"),
    ],
)
def test_a_notebook_that_cannot_be_used_says_why(
    tmp_path: Path, cells: list[str], about: dict[str, Any], said: str
) -> None:
    with pytest.raises(loading.NotThere) as raised:
        loading.member(notebook(tmp_path, cells, **about), "answer")
    assert said in str(raised.value)


@pytest.mark.parametrize("text", ["", "[]", '{"worksheets": []}'])
def test_a_file_that_is_no_notebook_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "notebook.ipynb").write_text(text, encoding="utf-8")
    with pytest.raises(loading.NotThere, match="is no notebook"):
        loading.member(str(tmp_path / "notebook.ipynb"), "answer")


@pytest.mark.parametrize(
    ("cell", "kept"),
    [
        ("x = 5 %2\ny = '''\n!not a shell\n'''", "x = 5 %2\ny = '''\n!not a shell\n'''"),
        ("if True:\n    !ls\nz = 1", "if True:\n    pass\nz = 1"),
        ("%timeit f()", "pass"),
        ("x = %sql select", "pass"),
        ("%%writefile a.py\nx = (", ""),
    ],
)
def test_magics_are_dropped_and_python_is_left(tmp_path: Path, cell: str, kept: str) -> None:
    assert ast.dump(ast.Module(list(notebooks.statements(notebook(tmp_path, [cell])).body), [])) == ast.dump(
        ast.parse(kept)
    )


def test_the_code_of_a_function_of_a_notebook_is_not_that_of_its_outputs(tmp_path: Path) -> None:
    first = code_of(Path(notebook(tmp_path, CELLS)), "answer")
    assert first == code_of(Path(notebook(tmp_path, CELLS, saved="later")), "answer")
    assert first != code_of(Path(notebook(tmp_path, [*CELLS, "PROMPT = 'Ask: '"])), "answer")
