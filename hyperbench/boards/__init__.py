"""Boards: what records come to, row by row."""
