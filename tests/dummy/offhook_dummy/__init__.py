"""Uses every extension point there is, and does nothing useful with it."""
