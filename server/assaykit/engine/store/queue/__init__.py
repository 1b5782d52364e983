"""Runs and what executes them: items, leases, schedules, reports and remembered answers."""
