"""Every error that relook raises on purpose.

    RelookError                  exit code
    ├── UsageError               2  the call itself is wrong: option, output path, job
    ├── InputError               3  a film, look or corpus cannot be read or is not enough
    │   ├── NoMarksError            a film is of a kind that shows no marks of film: stills, or very short shots
    │   ├── KilledDecoderError      the process that decodes a film was killed; the film may well be whole
    │   └── LostShotError           frames of a prepared corpus are gone or no longer what they were
    ├── DivergedError            5  training or rendering met values that are not finite
    ├── ResourceError            6  disk, memory or device
    ├── LockedError              7  another job holds the output
    ├── InputChangedError        8  a source or look changed while it was in use
    └── StoppedError       130/143  interrupted or terminated; what was done so far is saved

Exit code 4 has no error: the film is done, with stand-ins for damaged frames that the delivery lists, as was asked for.

A message says what, where (file, shot, frame, timecode) and what to do.
"""

from __future__ import annotations

DAMAGE_DECLARED = 4


class RelookError(Exception):
    """The base of every error meant for the user; `exit_code` is what the command line returns."""

    exit_code = 9


class UsageError(RelookError):
    exit_code = 2


class InputError(RelookError):
    exit_code = 3


class NoMarksError(InputError):
    pass


class KilledDecoderError(InputError):
    pass


class LostShotError(InputError):
    def __init__(self, text: str, name: str) -> None:
        """`name`: of the shot, or of the artist's pair."""
        super().__init__(text)
        self.name = name


class DivergedError(RelookError):
    exit_code = 5


class ResourceError(RelookError):
    exit_code = 6


class LockedError(RelookError):
    exit_code = 7


class InputChangedError(RelookError):
    exit_code = 8


class StoppedError(RelookError):
    def __init__(self, text: str, number: int) -> None:
        """`number`: of the signal that came."""
        super().__init__(text)
        self.exit_code = 128 + number
