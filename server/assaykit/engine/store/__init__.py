"""The store: one SQLite file, its tables and migrations, and one module per noun that reads and writes it."""
