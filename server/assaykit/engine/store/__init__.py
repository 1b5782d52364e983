"""One SQLite file: tables, migrations, and the functions that read and write them, one module per noun."""
