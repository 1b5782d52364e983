"""Checks of a request against the store before anything is written."""
