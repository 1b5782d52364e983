"""The user's files: opened only inside allowed folders, read row by row, and mapped to the wire's columns."""
