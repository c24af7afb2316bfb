"""AVI and MXF give their frames no stamps but their number: where one is lost, all behind it move up, and nothing tells.

How many there should be is in AVI's index, and in MXF's header as far as its file was finished, which ends with a random
index pack then. A file that was cut off misses its last frames alone, which is found otherwise.
Source: SMPTE ST 377-1, 12 (random index pack).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from relook.errors import InputError
from relook.film.container.ledger import Packets
from relook.film.frames import FilmInfo

_PACK_KEY: Final = bytes.fromhex("060e2b34020501010d0102010111")


def require_counted(packets: Packets, container: str, num_told: int | None, info: FilmInfo) -> None:
    """Refuse a film whose frames are known by their number and that holds fewer of them than it lists.

    Args:
        container: FFmpeg's name of it.
        num_told: how many it lists.
    """
    num_lost = (num_told or 0) - len(packets.stamps)
    if num_lost > 0 and (container == "avi" or (container == "mxf" and _is_finished(info.path))):
        raise InputError(
            f"{info.path} is damaged: {len(packets.stamps)} of {num_told} frames could be read, and nobody can say where "
            f"the others belong; copy it again, or export it again from its source"
        )


def _is_finished(path: Path) -> bool:
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - 4))
        length = int.from_bytes(file.read(4), "big")
        file.seek(max(0, end - length))
        return file.read(len(_PACK_KEY)) == _PACK_KEY
