"""A vendor that comes with a plugin."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class PluginVendor(Settings):
    """A vendor that a plugin of the profile brings; its settings are in the plugin's section of plugin_settings."""

    kind: Literal["plugin"]
    name: str = Field(description="as the plugin names it")
