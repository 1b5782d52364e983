"""One comparison, shown in several forms."""
