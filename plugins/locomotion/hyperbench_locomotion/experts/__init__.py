"""Experts: how they were trained, and the ones that are shipped."""
