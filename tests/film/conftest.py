"""Small films for the tests of the film room, made with PyAV alone: the reader is not tested against our own writer.

Below them, what the tests of writing read and write with.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from relook.cli import main
from relook.film.container.codecs import film_endings
from relook.film.container.inventory import inventory
from relook.film.container.picture_fate import depth_of, sampling_of
from relook.film.frames import FilmInfo, Frame, WriteSettings
from relook.film.pictures.alpha import frame_alpha
from relook.film.pixels import rows
from relook.film.reader import FilmReader, probe
from relook.film.writer import FilmWriter
from relook.timing import FrameRange

Codes = NDArray[Any]
MakeFilm = Callable[..., Path]
Told = Callable[[Path, str], list[str]]

_DIALS = "--look silent --texture 0 --detail 0 --json"


def noise(count: int, width: int, height: int, *, bits: int = 8, seed: int = 0) -> list[Codes]:
    """Draw RGB frames `[h w 3]`: a fixed smooth picture with fresh noise on it, codes of `bits`."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(0.1, 0.9, width)[None, :, None] * np.linspace(0.5, 1, height)[:, None, None] * [1, 0.8, 0.6]
    frames = (np.clip(ramp + rng.normal(0, 0.05, ramp.shape), 0, 1) for _ in range(count))
    return [np.rint(frame * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16) for frame in frames]


def video_frame(codes: Codes, pixel_format: str) -> av.VideoFrame:
    """Turn RGB codes of 8 or 16 bit into a frame of any pixel format."""
    frame = av.VideoFrame.from_ndarray(codes, format="rgb24" if codes.dtype == np.uint8 else "rgb48le")
    return frame if frame.format.name == pixel_format else frame.reformat(format=pixel_format)


@pytest.fixture
def make_film(tmp_path: Path) -> MakeFilm:
    """Return a function that writes RGB frames to a film, with sound and tags where asked."""

    def make(
        name: str,
        frames: Sequence[Codes],
        *,
        encoder: str = "ffv1",
        pixel_format: str = "bgr0",
        rate: Fraction | int = 24,
        time_base: Fraction = Fraction(1, 24),
        stamps: Sequence[int] | None = None,
        sounds: Sequence[str] = (),
        tags: dict[str, Any] | None = None,
        timecode: str = "",
        options: dict[str, str] | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", container_options={"fflags": "+bitexact"}) as container:
            stream = container.add_stream(encoder, rate=rate, time_base=time_base, options=options or {})
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixel_format
            for key, value in (tags or {}).items():
                setattr(stream.codec_context, key, value)
            if timecode:
                stream.metadata["timecode"] = timecode
            tracks = [container.add_stream(codec, rate=48000) for codec in sounds]
            for index, codes in enumerate(frames):
                frame = video_frame(codes, pixel_format)
                frame.pts, frame.time_base = stamps[index] if stamps else index, time_base
                for key in ("color_primaries", "color_trc", "colorspace", "color_range"):
                    if tags and key in tags:
                        setattr(frame, key, tags[key])
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
            for number, track in enumerate(tracks):
                _sing(container, track, float(len(frames) / rate), 220.0 * (number + 1))
        return path

    return make


def _sing(container: Any, track: Any, seconds: float, pitch: float) -> None:
    samples = np.sin(np.arange(int(48000 * seconds)) * pitch * 2 * np.pi / 48000) * 8000
    for start in range(0, len(samples), 1024):
        part = samples[start : start + 1024].astype(np.int16)
        sound = av.AudioFrame.from_ndarray(np.repeat(part, 2)[None], format="s16", layout="stereo")
        sound.pts, sound.sample_rate, sound.time_base = start, 48000, Fraction(1, 48000)
        container.mux(track.encode(sound))
    container.mux(track.encode(None))


@pytest.fixture(scope="session")
def draw() -> Callable[..., list[Codes]]:
    """Return `noise`."""
    return noise


def render(
    source: Path,
    target: Path,
    *,
    copied: bool = False,
    wanted: FrameRange | None = None,
    overwrite: bool = False,
    **how: Any,
) -> FilmInfo:
    settings = WriteSettings(**how)
    with FilmReader(source) as reader, FilmWriter(target, reader.info, settings, overwrite=overwrite) as writer:
        for frame in reader.frames(wanted):
            (writer.copy if copied else writer.write)(frame)
    return probe(target)


def stamps(path: Path, wanted: FrameRange | None = None) -> list[Fraction]:
    with FilmReader(path) as reader:
        return [native.pts * reader.info.time_base for native in reader.native_frames(wanted)]


def pixels(path: Path) -> list[torch.Tensor]:
    with FilmReader(path) as reader:
        return [frame.pixels for frame in reader.frames()]


def numbered(count: int, width: int, height: int, *, bits: int = 8) -> tuple[FilmInfo, list[Frame]]:
    """Draw frames whose pixels are exact codes, and the film they could come from."""
    values = torch.randint(0, 2**bits, (count, 3, height, width), generator=torch.Generator().manual_seed(bits))
    pixel_format = "bgr0" if bits == 8 else f"gbrp{bits}le"
    info = FilmInfo(Path("none.mkv"), "stills", width, height, Fraction(24), Fraction(1, 24), bits, pixel_format)
    return info, [Frame(i, i, 1, drawn.float() / (2**bits - 1)) for i, drawn in enumerate(values)]


@pytest.fixture(scope="session", name="render")
def _render() -> Callable[..., Any]:
    """Return `render`."""
    return render


@pytest.fixture(scope="session", name="stamps")
def _stamps() -> Callable[..., Any]:
    """Return `stamps`."""
    return stamps


@pytest.fixture(scope="session", name="pixels")
def _pixels() -> Callable[..., Any]:
    """Return `pixels`."""
    return pixels


@pytest.fixture(scope="session", name="numbered")
def _numbered() -> Callable[..., Any]:
    """Return `numbered`."""
    return numbered


def copy_film(source: Path, target: Path, wanted: FrameRange | None) -> None:
    """Hand on the decoder's own frames; the values beside them are never looked at."""
    with FilmReader(source) as reader, FilmWriter(target, reader.info, WriteSettings(whole=wanted is None)) as writer:
        blank = torch.zeros(1).expand(3, reader.info.height, reader.info.width)
        for native in reader.native_frames(wanted):
            writer.copy(Frame(native.index, native.pts, native.duration, blank, native.picture))


def require_same(source: Path, target: Path, wanted: FrameRange | None) -> None:
    """Compare two films, or a part of the first with the second."""
    before, after = probe(source), probe(target)
    times, found = stamps(source, wanted), stamps(target)
    begin = times[0] if wanted is not None else Fraction(0)
    assert len(found) == len(times)
    assert all(abs(a - begin - b) <= Fraction(1, 2000) for a, b in zip(times, found, strict=True))
    assert (after.width, after.height, after.timecode) == (before.width, before.height, before.timecode)
    assert abs(after.sample_aspect - before.sample_aspect) * after.width <= Fraction(3, 2)
    assert tags_of(after) == tags_of(before)
    if target.suffix == ".mkv":
        assert pictures(target) == pictures(source, wanted)
    if wanted is None:
        assert sound(target) == sound(source)


def tags_of(info: FilmInfo) -> tuple[int, int, int, bool]:
    """Give the colour tags; the matrix of RGB says nothing, and an absent range is legal for what is not grey or RGB."""
    rgb = info.pixel_format.startswith(("gbr", "rgb", "bgr", "argb"))
    grey = info.pixel_format.startswith("gray")
    colour = info.colour
    full = colour.full_range if colour.full_range is not None else grey
    return colour.primaries, colour.transfer, 0 if rgb else colour.matrix, rgb or bool(full)


def pictures(path: Path, wanted: FrameRange | None = None) -> list[bytes]:
    """Give the samples of every frame, transparency among them; RGB by its values, since its layouts are many."""
    with FilmReader(path) as reader:
        if not reader.info.pixel_format.startswith(("gbr", "rgb", "bgr", "argb")):
            natives: list[Any] = [native.picture for native in reader.native_frames(wanted)]
            return [b"".join(np.ascontiguousarray(part).tobytes() for part in rows(frame)) for frame in natives]
        return [torch_bytes(frame.pixels) + alpha_bytes(frame.native) for frame in reader.frames(wanted)]


def torch_bytes(pixels: torch.Tensor) -> bytes:
    return bytes(pixels.numpy().tobytes())


def alpha_bytes(native: Any) -> bytes:
    alpha = frame_alpha(native)
    return b"" if alpha is None else np.ascontiguousarray(alpha[0]).tobytes()


def sound(path: Path) -> list[str]:
    """Give one hash of all packets' bytes for each stream of sound."""
    with av.open(str(path)) as container:
        found = {stream.index: hashlib.md5() for stream in container.streams.audio}
        for packet in container.demux():
            if packet.stream_index in found:
                found[packet.stream_index].update(without_header(bytes(packet)))
        return [digest.hexdigest() for digest in found.values()]


def without_header(packet: bytes) -> bytes:
    """Take the header off AAC as transport streams have it; other containers hold its content once for the stream."""
    is_adts = len(packet) > 7 and packet[0] == 0xFF and packet[1] & 0xF6 == 0xF0
    return packet[7 if packet[1] & 1 else 9 :] if is_adts else packet


@pytest.fixture(scope="session", name="copy_film")
def _copy_film() -> Callable[..., Any]:
    """Return `copy_film`."""
    return copy_film


@pytest.fixture(scope="session", name="require_same")
def _require_same() -> Callable[..., Any]:
    """Return `require_same`."""
    return require_same


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Told]:
    """Return a function that gives what `relook info --for` and `relook apply` both say is changed or left out.

    They must say the same, and what is other in the output must be said; a refused one is nothing changed.
    """
    before = signal.getsignal(signal.SIGTERM)

    def run(words: list[str]) -> tuple[int, dict[str, Any], str]:
        with pytest.raises(SystemExit) as left:
            main(words)
        written = capsys.readouterr()
        lines = written.out.splitlines()
        return int(left.value.code or 0), json.loads(lines[-1]) if lines else {}, written.err

    def compare(source: Path, ending: str) -> list[str]:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        (tmp_path / "out").mkdir()
        output = tmp_path / "out" / (f"o{ending}" if ending in film_endings() else f"o.####{ending}")
        code, facts, _ = run(["info", str(source), "--for", ending, "--json"])
        assert code == 0
        fates = facts["for"]["fates"]
        code, delivered, err = run(["apply", str(source), "-o", str(output), *_DIALS.split()])
        refused = [fate for fate in fates if fate["end"] == "refused"]
        assert code == (2 if refused else 0), err
        if refused:
            assert f"cannot hold the {refused[0]['what']}" in err
            return []
        said = [
            f"{fate['what']}: {fate['end']}" + (f" ({fate['why']})" if fate["why"] else "")
            for fate in fates
            if fate["end"] in ("changed", "left out")
        ]
        assert delivered["left_out"] == said
        assert all(words in err for words in said)
        _require_told(source, output, said)
        return said

    yield compare
    signal.signal(signal.SIGTERM, before)


def _require_told(source: Path, output: Path, said: list[str]) -> None:
    """Compare a source and its render by what can be read of both."""
    before, after = (inventory(probe(path)) for path in (source, output))
    text = " ".join(said)
    for one, two in (
        (sampling_of(before.film.pixel_format), sampling_of(after.film.pixel_format)),
        (depth_of(before.film), depth_of(after.film)),
    ):
        assert one == two or f"{one} becomes" in text
    assert before.is_linear == after.is_linear or "scene-linear" in text
    assert before.film.timecode in (None, after.film.timecode) or "timecode: left out" in text
    assert set(before.channels) - set(after.channels) <= {
        words[8:-10] for words in said if words.startswith("channel ")
    }
    assert not before.has_profile or after.has_profile or "ICC colour profile: left out" in text
