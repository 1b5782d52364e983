"""The other side of a run: what is started in the user's interpreter, with nothing but the standard library of 3.9.

It stands apart from our package, so that a name of ours hides none of the user's: `__main__` puts it on the import
path for as long as it takes to import it.
"""
