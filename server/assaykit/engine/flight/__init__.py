"""Arrow Flight: the bulk calls of the `arize` SDK. Imported only when a Flight port is asked for."""
