"""Runs the Python blocks of a document one after another, as a reader types them into one interpreter.

`perform.py <file>`: the file is JSON, `{"setting": code, "blocks": [{"line", "code", "fill"}]}`. The setting is what
the document takes for granted. `fill` is `{placeholder: expression}`: each expression is worked out just before its
block, among the names that the setting and the blocks made. What `facts()` of the setting gives is the last line.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
names: dict[str, Any] = {"__name__": "__main__"}


def run(code: str, title: str) -> None:
    exec(compile(code, title, "exec"), names)  # noqa: S102 - running what a document prints is the point


run(plan["setting"], "setting")
for block in plan["blocks"]:
    code = block["code"]
    for placeholder, expression in block["fill"].items():
        value = str(eval(expression, names))  # noqa: S307 - the test's own table
        code, count = re.subn(rf"(?<!\w){re.escape(placeholder)}(?!\w)", lambda _, value=value: value, code)
        assert count, f"line {block['line']} has no {placeholder!r}"
    assert "your-" not in code, code
    assert "YOUR_" not in code, code
    run(code, f"line {block['line']}")
sys.stdout.write("\n" + json.dumps(names["facts"]()) + "\n")
