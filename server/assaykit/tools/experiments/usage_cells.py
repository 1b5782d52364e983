"""Latency, tokens and cost in the columns of a result file, under their usual names and in their usual units.

A comparison reads `latency_ms`, `total_tokens`, `prompt_tokens`, `completion_tokens` and `cost`. A row gets these
columns beside its own.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final, Literal, NamedTuple

from assaykit.files.columns import number_in_text
from assaykit.files.exports.shared_columns import mapping_of
from assaykit.foreign import as_word
from assaykit.wire.run_columns import BARE_LATENCY, COSTS, LATENCIES, LATENCIES_S, TOKENS, TOKENS_IN, TOKENS_OUT

Amount = Literal["latency_ms", "total_tokens", "prompt_tokens", "completion_tokens", "cost"]

SHORTEST_MS = 100
"""Durations without a unit are seconds if their median is below this: no model answers in so few milliseconds."""

_SHOWN: Final[Mapping[Amount, str]] = {
    "latency_ms": "latency",
    "total_tokens": "tokens",
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "cost": "cost",
}
_READ: Final[Mapping[Amount, Sequence[str]]] = {
    "latency_ms": (*LATENCIES, *LATENCIES_S),
    "total_tokens": TOKENS,
    "prompt_tokens": TOKENS_IN,
    "completion_tokens": TOKENS_OUT,
    "cost": COSTS,
}
"""The columns that a comparison reads without help."""

_MS_IN: Final[Mapping[str, float]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds"), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1000),
    **dict.fromkeys(("us", "microseconds"), 0.001),
    **dict.fromkeys(("ns", "nanos", "nanoseconds"), 0.000001),
    **dict.fromkeys(("m", "min", "mins", "minutes"), 60_000),
}
_DURATIONS = (
    "latency", "duration", "elapsed", "elapsed_time", "response_time", "execution_time", "run_time", "runtime",
    "time_taken", "total_time", "wall_time", "inference_time", "processing_time", "request_time",
)  # fmt: skip
_UNITS = "|".join(sorted(_MS_IN, key=len, reverse=True))
_DURATION = re.compile(rf"({'|'.join(_DURATIONS)})(?:_(?:in_)?({_UNITS}))?")
_AMOUNTS: Final[Mapping[str, Amount]] = {
    **dict.fromkeys(
        ("token_count", "total_tokens", "tokens", "total_token_count", "num_tokens", "n_tokens", "tokens_used",
         "total_tokens_used", "tokens_total", "token_usage", "llm_token_count_total"),
        "total_tokens",
    ),
    **dict.fromkeys(
        ("prompt_tokens", "input_tokens", "tokens_in", "tokens_prompt", "prompt_token_count", "input_token_count",
         "num_input_tokens", "tokens_input", "num_prompt_tokens", "llm_token_count_prompt"),
        "prompt_tokens",
    ),
    **dict.fromkeys(
        ("completion_tokens", "output_tokens", "tokens_out", "tokens_completion", "completion_token_count",
         "output_token_count", "candidates_token_count", "num_output_tokens", "tokens_output", "generated_tokens",
         "num_completion_tokens", "llm_token_count_completion"),
        "completion_tokens",
    ),
    **dict.fromkeys(
        ("cost", "total_cost", "cost_usd", "total_cost_usd", "cost_in_usd", "cost_dollars", "estimated_cost",
         "estimated_cost_usd", "response_cost", "llm_cost_total", "cost_total"),
        "cost",
    ),
}  # fmt: skip
_OBJECTS = ("usage", "token_usage", "tokens", "usage_metadata", "llm_usage")
_IN_OBJECT: Final[Mapping[str, Amount]] = {
    **_AMOUNTS, "total": "total_tokens", "prompt": "prompt_tokens", "input": "prompt_tokens",
    "completion": "completion_tokens", "output": "completion_tokens",
}  # fmt: skip
_WITH_UNIT = re.compile(rf"([0-9.eE+-]+)\s*({_UNITS})", re.IGNORECASE)
_DOLLARS = re.compile(r"(?:\$|usd)?\s*([0-9.eE+-]+)\s*(?:\$|usd)?", re.IGNORECASE)
_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")


class UsageColumn(NamedTuple):
    """A column, or the value at `key` of its object, with an amount. `ms` are the milliseconds of its unit."""

    column: str
    amount: Amount
    key: str | None = None
    ms: float | None = 1.0

    @property
    def is_read(self) -> bool:
        """Whether a comparison reads the column without help."""
        return self.key is None and self.column in _READ[self.amount]

    @property
    def told(self) -> str:
        """The column in words."""
        return as_word(self.column if self.key is None else f"{self.column}.{self.key}")


def is_object(column: str) -> bool:
    """Whether a column of this name may hold an object with amounts."""
    return plain_name(column) in _OBJECTS


def plain_name(column: str) -> str:
    """The name of a column in lower case with underscores: `latencyMs` and `Latency (ms)` are `latency_ms`."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.replace("$", " usd "))
    return re.sub(r"[^a-z0-9]+", "_", apart.lower()).strip("_")


def usage_columns(row: Mapping[str, Any], others: Iterable[str]) -> list[UsageColumn]:
    """The columns with amounts, those first that a comparison reads without help. `others` have another meaning."""
    taken = set(others)
    found: list[UsageColumn] = []
    for column, value in row.items():
        if column in taken:
            continue
        name = plain_name(column)
        if name in _OBJECTS and (inner := mapping_of(value)):
            found += [
                UsageColumn(column, amount, key)
                for key in inner
                if (amount := _IN_OBJECT.get(plain_name(key))) is not None
            ]
        elif match := _DURATION.fullmatch(name):
            unit = _MS_IN[match[2]] if match[2] else (1.0 if column == BARE_LATENCY else None)
            found.append(UsageColumn(column, "latency_ms", ms=unit))
        elif column in LATENCIES_S:
            found.append(UsageColumn(column, "latency_ms", ms=1000))
        elif amount := _AMOUNTS.get(name):
            found.append(UsageColumn(column, amount))
        elif "." in column and plain_name(column.split(".")[0]) in _OBJECTS:
            amount = _IN_OBJECT.get(plain_name(column.split(".", 1)[1]))
            found += [] if amount is None else [UsageColumn(column, amount)]
    return sorted(found, key=_order)


def bare_durations(row: Mapping[str, Any]) -> list[str]:
    """The columns of durations that name no unit, without `latency`, which is read as milliseconds."""
    return [one.column for one in usage_columns(row, ()) if one.ms is None]


def _order(one: UsageColumn) -> int:
    read = _READ[one.amount]
    return read.index(one.column) if one.key is None and one.column in read else len(read)


def unit_of(cells: Iterable[Any]) -> float | None:
    """The milliseconds of the unit of durations without one; None if none of the cells is a number."""
    numbers = [number for cell in cells if (number := amount_in(cell, "latency_ms", 1.0)) is not None and number > 0]
    return None if not numbers else (1000.0 if median(numbers) < SHORTEST_MS else 1.0)


def amount_in(cell: Any, amount: Amount, ms: float) -> float | int | None:
    """The amount in a cell, of at least zero; None for anything else. A text may have a unit: `1.2 s`, `$0.01`."""
    if isinstance(cell, bool) or cell is None:
        return None
    factor = ms if amount == "latency_ms" else 1
    if isinstance(cell, str):
        text = cell.strip()
        if amount == "latency_ms" and (match := _WITH_UNIT.fullmatch(text)):
            text, factor = match[1], _MS_IN[match[2].lower()]
        elif amount == "cost" and (match := _DOLLARS.fullmatch(text)):
            text = match[1]
        elif amount != "cost" and _THOUSANDS.fullmatch(text):
            text = text.replace(",", "")
        found = number_in_text(text)
    else:
        found = cell if isinstance(cell, (int, float)) else None
    # NaN differs from itself, and is not at least zero either.
    if found is None or not 0 <= found < float("inf"):
        return None
    return found if factor == 1 else found * factor


def amounts_in(
    values: Mapping[str, Any], columns: Sequence[UsageColumn], units: Mapping[str, float]
) -> tuple[dict[str, Any], list[UsageColumn], list[UsageColumn]]:
    """The columns that a row gets, the columns that count, and those whose cell has no amount."""
    more: dict[str, Any] = {}
    used: dict[Amount, UsageColumn] = {}
    unread: list[UsageColumn] = []
    for one in columns:
        if one.amount in used:
            continue
        cell = values.get(one.column)
        cell = cell if one.key is None else mapping_of(cell).get(one.key)
        if cell is None:
            continue
        if one.is_read and _is_plain(cell):
            used[one.amount] = one
            continue
        number = amount_in(cell, one.amount, units.get(one.column, 1.0) if one.ms is None else one.ms)
        if number is None:
            unread.append(one)
            continue
        used[one.amount] = one
        if one.column == one.amount or values.get(one.amount) is None:
            more[one.amount] = number
    return more, list(used.values()), unread


def _is_plain(cell: Any) -> bool:
    """Whether a comparison reads the cell as it is."""
    number = number_in_text(cell.strip()) if isinstance(cell, str) else cell
    return isinstance(number, (int, float)) and not isinstance(number, bool) and 0 <= number < float("inf")


def told_of(used: Iterable[UsageColumn], units: Mapping[str, float]) -> str:
    """The columns that were read, in words, with a space before; empty without any."""
    by: dict[Amount, list[str]] = {}
    for one in used:
        unit = ""
        if one.ms is None:
            unit = f" as {'seconds' if units.get(one.column) == 1000 else 'milliseconds'}"  # noqa: PLR2004
        by.setdefault(one.amount, []).append(f"{one.told}{unit}")
    said = [f"{_SHOWN[amount]} from {', '.join(columns)}" for amount, columns in by.items()]
    return f" Read: {'; '.join(said)}." if said else ""
