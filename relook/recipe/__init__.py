"""All settings of a run, as frozen values built by plain functions."""
