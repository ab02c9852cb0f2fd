"""How boards are shown."""
