"""Arrow Flight: the bulk calls of the `arize` SDK. Imported only if the user sets a Flight port."""
