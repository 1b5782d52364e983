"""A task run from start to end: select the rows, score them, record the verdicts."""
