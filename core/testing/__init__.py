"""The kit that tests of core and of plugins share, loaded by pytest as the plugin ``offhook``."""

pytest_plugins = (
    "core.testing.services",
    "core.testing.browser",
    "core.testing.application",
    "core.testing.site",
)
