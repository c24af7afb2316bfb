"""The verbs of relook, each a chain of rooms: footage -> corpus -> look -> film -> report."""

from relook.pipeline.demonstration import DemoResult, demo
from relook.pipeline.inspection import measure_marks
from relook.pipeline.judging import REPORT_PAGE, check, report_folder
from relook.pipeline.rendering import apply, parse_range
from relook.pipeline.training import train
from relook.pipeline.verification import verify

__all__ = [
    "REPORT_PAGE",
    "DemoResult",
    "apply",
    "check",
    "demo",
    "measure_marks",
    "parse_range",
    "report_folder",
    "train",
    "verify",
]
