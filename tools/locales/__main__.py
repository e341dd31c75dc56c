"""Write the locales and the pages, and list what is missing, stale or wrong; see the package."""

import sys

from .written import main

sys.exit(main(sys.argv[1:]))
