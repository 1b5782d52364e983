"""One row and one evaluator make one result: columns, templates, models, managed evaluators, the catalogue.

Knows neither the tools nor the engine, because a judge is previewed on either side of the seam.
"""
