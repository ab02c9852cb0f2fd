"""Worlds, experts and demonstrations from elsewhere."""

from hyperbench.adapters.gymnasium_family import GymnasiumFamily

__all__ = ["GymnasiumFamily"]
