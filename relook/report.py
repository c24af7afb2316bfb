"""Verdicts on shots and the report of a film; JSON in and out (schema 1 of the design)."""
