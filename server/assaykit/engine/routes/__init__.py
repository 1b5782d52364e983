"""The engine's routes, one module per noun. Each module lists its routes in `routes`, which `create_app` collects."""
