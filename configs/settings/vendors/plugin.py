"""A vendor that comes with a plugin."""

from typing import Literal

from pydantic import Field

from configs.settings.base import Settings


class PluginVendor(Settings):
    """A vendor that a plugin of the profile brings; its settings are in the plugin's section of plugin_settings."""

    kind: Literal["plugin"] = Field(description="a vendor of a plugin")
    name: str = Field(description="name of the vendor in the plugin")
