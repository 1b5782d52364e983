"""Running of a user's function over the examples of a dataset, in processes of the user's own interpreter."""
