"""Pure comparison of experiments: rows in, figures and sentences out. No input or output, no third party."""
