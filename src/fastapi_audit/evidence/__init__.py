"""Everything that is known of the audited project, and every subject that a rule may ask for."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi_audit.evidence.everything import *  # noqa: F403  the list is kept there, once
else:

    def __getattr__(name: str) -> object:
        """Imported when first asked for: a scan that has an answer from before looks at stamps alone."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(f"{__name__}.everything"), name)
