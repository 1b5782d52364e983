"""Judging one row with one evaluator: columns, templates, models, managed evaluators and the catalogue.

This package imports neither the tools nor the engine, because both preview judges.
"""
