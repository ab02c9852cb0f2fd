"""Locomotion suites: dm_control bodies on vectorised MuJoCo."""
