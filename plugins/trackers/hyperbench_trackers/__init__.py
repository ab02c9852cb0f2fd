"""Experiment trackers that are told how runs go."""
