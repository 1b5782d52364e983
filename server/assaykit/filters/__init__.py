"""The filter language: reading it, checking it, deciding it in memory. Its SQL is the store's business."""
