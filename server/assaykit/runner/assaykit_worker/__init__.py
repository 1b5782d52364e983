"""The worker: code that runs in the user's interpreter and needs only the standard library of Python 3.9.

It is a package of its own, so that no module of ours hides one of the user's. Its folder is on the import path only
while the worker is imported.
"""
