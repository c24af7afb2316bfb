"""The version of relook, which the package, the looks and the receipts name."""

from __future__ import annotations

VERSION = "0.1.0"
