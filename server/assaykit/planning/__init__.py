"""Plans: rows, periods, parts and costs of a task before anything is created or spent."""
