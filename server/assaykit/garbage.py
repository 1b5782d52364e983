"""Shorter collections of garbage: they pass over what the modules made when they were imported.

A process of this package has some 170,000 such objects, and none of them becomes garbage. A full collection that looks
at all of them stops every thread for a tenth of a second.
"""

import gc
from functools import cache
from typing import Literal


@cache
def pass_over_modules(_stage: Literal["session", "engine", "tools"]) -> None:
    """Let later collections pass over the objects of now. Once a process for each stage: later, others would be too."""
    gc.freeze()
