"""The pause that a response asks for before the next try. Source: RFC 9110, 10.2.3."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_NUMBER = re.compile(r"\d{1,6}(\.\d+)?")


def seconds(header: str) -> float | None:
    """Seconds from a `Retry-After` in either form, number or date; None for other text. A past date is 0."""
    text = header.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
