"""Spans, the units they form, and the verdicts and annotations on them."""
