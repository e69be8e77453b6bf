"""`python -m realtime3d` is the `realtime3d` command."""

from __future__ import annotations

import sys

from realtime3d.cli import main

sys.exit(main())
