"""Spans of real instrumentations, recorded with the versions that each file names."""
