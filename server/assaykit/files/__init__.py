"""Files of the user: opened inside allowed folders only, read row by row, mapped to the wire's columns."""
