"""Makes the breach that a control asks for, at the start of this process and of every Python that it starts.

A control puts this folder on `PYTHONPATH` and the name of a breach in `SCORECARD_BREACH`. The product reads neither.
"""

import os
import sys
from pathlib import Path

_HERE = Path(__file__).parents[1]

if name := os.environ.get("SCORECARD_BREACH"):
    # This process's own path may have neither the tests nor the breaches. They come last.
    sys.path += [str(_HERE), str(_HERE.parents[1])]
    try:
        import breaches
    except ImportError:
        # An interpreter without the product, of another environment.
        breaches = None
    if breaches is not None:
        breaches.BREACHES[name]()
