"""Pure comparison of experiments: rows in, figures and sentences out. No I/O and no third-party packages."""
