"""Task runs and their execution: items, leases, schedules, reports and remembered answers."""
