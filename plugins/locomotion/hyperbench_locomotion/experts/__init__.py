"""Experts: the ones that are shipped, and the commands that train, export and evaluate them."""
