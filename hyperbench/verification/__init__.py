"""Verification: whether a record is what it says it is."""
