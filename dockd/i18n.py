"""The one door to gettext: every sentence that a person reads goes through `_` or `ngettext`.

Event names, keys of the configuration, codes and units stay English in every language.
The language is the one of the process (`LANGUAGE`, `LC_ALL`, `LC_MESSAGES`, `LANG`), read once at import.
"""

import gettext as _gettext
from pathlib import Path

DOMAIN = "dockd"
LOCALE_DIR = Path(__file__).parent / "locale"

_translation = _gettext.translation(DOMAIN, localedir=LOCALE_DIR, fallback=True)

_ = _translation.gettext
ngettext = _translation.ngettext
