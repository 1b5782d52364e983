"""A comparison as text, HTML and charts, and a gate as JUnit XML and Markdown."""
