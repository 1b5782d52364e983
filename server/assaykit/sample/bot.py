"""Two ways of the support bot to answer, with two checks: what the skill `run-experiments` runs over the questions."""

import re

LONGEST = 160


def first(dataset_row: dict[str, str]) -> str:
    """What the policy says, without its number."""
    return dataset_row["policy"].partition("] ")[2]


def second(dataset_row: dict[str, str]) -> str:
    """The same with the number of the policy, and with more words around it."""
    return f"Thank you for asking! Our policy says: {dataset_row['policy']}"


def cites_policy(output: str) -> bool:
    """Whether the answer names its policy, as in [RET-1]."""
    return re.search(r"\[[A-Z]+-\d+\]", output) is not None


def brief(output: str) -> tuple[float, str]:
    """1 up to a length that is read on a telephone, else 0; and the length."""
    return float(len(output) <= LONGEST), f"{len(output)} characters"
