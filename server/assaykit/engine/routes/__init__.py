"""The engine's routes, one module per noun: parse, call, answer. Each module offers its `routes`."""
