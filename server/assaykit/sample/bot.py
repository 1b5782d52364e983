"""Two variants of the support bot and two checks, which the skill `run-experiments` runs over the questions."""

import re

LONGEST = 160


def first(dataset_row: dict[str, str]) -> str:
    """Return the text of the policy, without its number."""
    return dataset_row["policy"].partition("] ")[2]


def second(dataset_row: dict[str, str]) -> str:
    """Return the policy with its number, after an introduction."""
    return f"Thank you for asking! Our policy says: {dataset_row['policy']}"


def cites_policy(output: str) -> bool:
    """Whether the answer names its policy, as in [RET-1]."""
    return re.search(r"\[[A-Z]+-\d+\]", output) is not None


def brief(output: str) -> tuple[float, str]:
    """Score 1 up to `LONGEST` characters, the length for a phone screen, else 0; explain with the length."""
    return float(len(output) <= LONGEST), f"{len(output)} characters"
