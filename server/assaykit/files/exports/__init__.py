"""Readers of the files that other evaluation tools export: one module for each tool, and one table of them."""
