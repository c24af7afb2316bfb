"""`python -m relook`: the command line."""

from __future__ import annotations

from relook.cli import main

if __name__ == "__main__":
    main()
