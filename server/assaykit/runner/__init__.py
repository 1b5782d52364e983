"""Experiments run here: a user's function over a dataset's examples, in processes of the user's own interpreter."""
