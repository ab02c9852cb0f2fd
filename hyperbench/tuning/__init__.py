"""Tuning: settings searched for on validation tasks."""
