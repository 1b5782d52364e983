"""The filter language: parsing, checking and evaluation in memory. The store translates filters to SQL."""
