"""From an exception to a message on standard error and an exit code."""

from __future__ import annotations

import errno
import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from relook.cli.display import harmless, say_aside
from relook.cli.stopping import GOES_ON
from relook.errors import RelookError, ResourceError, UsageError

INTERRUPTED = 130
OUR_BUG = 9
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
LOADER_SHORT = "failed to map segment"
"""What the system's loader says if there is no memory for a library."""
OUT_OF_REACH = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP)


def guarded(verb: Callable[..., None]) -> Callable[..., None]:
    """Wrap a verb so that whatever it raises ends in a message and an exit code."""

    @functools.wraps(verb)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            verb(*args, **kwargs)
        except typer.Exit:
            raise
        except (Exception, KeyboardInterrupt) as error:
            if os.environ.get("RELOOK_DEBUG") == "1":
                traceback.print_exc()
            text, code = explain(error)
            say_aside(f"relook: {harmless(text)}")
            raise typer.Exit(code) from None

    return run


def _is_short_of_memory(error: BaseException) -> bool:
    is_unloadable = isinstance(error, ImportError) and LOADER_SHORT in str(error)
    return (
        isinstance(error, MemoryError) or is_unloadable or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    )


def explain(error: BaseException) -> tuple[str, int]:
    """Return what to tell the user about an exception, and the exit code."""
    if isinstance(error, RelookError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return f"interrupted; {GOES_ON}", INTERRUPTED
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return f"the disk is full ({error}); make room and run the same command again", ResourceError.exit_code
    if isinstance(error, OSError) and error.errno in OUT_OF_REACH and error.filename is not None:
        return (
            f"cannot use {error.filename}: {error.strerror}; check the path and its permissions",
            UsageError.exit_code,
        )
    if isinstance(error, OSError) and error.errno in TOO_MANY_OPEN:
        return f"too many files are open ({error}); allow more with `ulimit -n 256`", ResourceError.exit_code
    if _is_short_of_memory(error):
        return "out of memory; close other programs, or use a machine with more", ResourceError.exit_code
    if "torch" in sys.modules:
        from relook.compute import lack  # late: torch takes seconds to import, and without it nothing here is its error

        if said := lack(error):
            return said, ResourceError.exit_code
    return (
        f"this is a bug in relook: {type(error).__name__}: {error}\n"
        "Please report it with the output of the same command run with RELOOK_DEBUG=1.",
        OUR_BUG,
    )
