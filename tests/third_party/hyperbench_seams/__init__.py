"""A plugin that uses every seam: a kind of policies, demonstrators, a family without experts."""
