"""The small core: tenants, sessions, timeline, rendering, and the hooks plugins hang on."""

__version__ = "0.1.0"
