"""The digest of a function's code."""

from pathlib import Path

import pytest

from assaykit.runner.code import DIGITS, code_of

SOURCE = (
    "import re\nLIMIT = 3\n\ndef check(output):\n    return near(output)\n\ndef near(x):\n    return len(x) < LIMIT\n"
)


def digest(folder: Path, text: str, name: str = "check") -> str | None:
    file = folder / "checks.py"
    file.write_text(text, encoding="utf-8")
    return code_of(file, name)


@pytest.mark.parametrize(
    ("changed", "is_same"),
    [
        (SOURCE + "\ndef answer(x):\n    return x\n", True),
        (SOURCE.replace("return near", "# near\n    return  near"), True),
        (SOURCE.replace("LIMIT = 3", "LIMIT = 4"), False),
        (SOURCE.replace("len(x) <", "len(x) <="), False),
    ],
)
def test_only_code_that_the_function_uses_counts(tmp_path: Path, changed: str, is_same: bool) -> None:
    before = digest(tmp_path, SOURCE)
    assert before is not None
    assert len(before) == DIGITS
    assert (digest(tmp_path, changed) == before) == is_same


def test_a_method_counts_with_its_class_and_a_name_from_elsewhere_with_the_file(tmp_path: Path) -> None:
    assert digest(tmp_path, "class A:\n    def f(self): return 1\n", "A.f") != digest(
        tmp_path, "class A:\n    def f(self): return 2\n", "A.f"
    )
    assert digest(tmp_path, "from x import *\n", "f") != digest(tmp_path, "from y import *\n", "f")
    assert digest(tmp_path, "def f(:\n", "f") is None
    assert code_of(tmp_path / "absent.py", "f") is None
