"""Make PCM sound begin and end with the pictures: MXF cuts both into units of one frame and knows no stamps of sound.

Its muxer leaves out pictures that lie beyond the end of a sound, and lets a sound that begins late begin at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

SAMPLE_BYTES: Final = {"pcm_s16le": 2, "pcm_s24le": 3}
"""The sound that MXF takes, and the bytes of one sample of a channel; of both, zeros are silence."""

LEAST_GAP_SECONDS: Final = Fraction(1, 500)
"""Stamps in milliseconds are off by half of one: a smaller gap is none."""


Span = tuple[Fraction | None, Fraction | None]
"""When a stream begins and ends by the header, in seconds."""


def are_even(sound: Span, pictures: Span) -> bool:
    """Say whether two streams are known to begin and end together."""
    return all(
        a is not None and b is not None and abs(a - b) <= LEAST_GAP_SECONDS
        for a, b in zip(sound, pictures, strict=True)
    )


class EvenSound:
    """Fits one stream of sound to the pictures, packet by packet."""

    def __init__(self, codec: str, *, channels: int, rate: int, lasts: Fraction) -> None:
        """`rate`: in samples a second; `lasts`: of the pictures, in seconds."""
        self._rate, self._bytes = rate, SAMPLE_BYTES[codec] * channels
        self._most = int(lasts * rate + Fraction(1, 2))
        self.num_done = 0
        """Samples of each channel that have been given."""

    def fitted(self, data: bytes, begins: Fraction) -> Iterator[bytes]:
        """Give the silence before a packet and what of it lies beside the pictures, in parts of a second at most.

        Args:
            begins: seconds after the first picture; below 0 before it.
        Raises:
            ValueError: it lies where other sound of its stream is already.
        """
        gap = round(begins * self._rate) - self.num_done
        if abs(gap) <= LEAST_GAP_SECONDS * self._rate:
            gap = 0
        if gap < 0 and self.num_done:
            raise ValueError("two parts of it have the same time")
        yield from self.silence(self.num_done + gap)
        part = data[max(0, -gap) * self._bytes :][: (self._most - self.num_done) * self._bytes]
        self.num_done += len(part) // self._bytes
        if part:
            yield part

    def silence(self, until: int | None = None) -> Iterator[bytes]:
        """Give silence up to a number of samples, or to the end of the pictures."""
        stop = self._most if until is None else min(until, self._most)
        while self.num_done < stop:
            count = min(self._rate, stop - self.num_done)
            self.num_done += count
            yield bytes(count * self._bytes)
