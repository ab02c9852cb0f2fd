"""Measuring: from names to runs to records."""
