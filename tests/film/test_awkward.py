"""A battery: every awkward file of the footage goes through whole or is refused in words.

Films are rendered with all dials at 0 into lossless Matroska (another ending where a row says so): the same pictures bit for
bit, stamps, colour tags, timecode and sound. Pictures come back with the same codes and headers. What is absent is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import relook
from relook.errors import RelookError
from relook.film.cuts.cut_files import read_cut_list
from relook.film.pictures.picture_file import read_picture
from relook.film.reader import probe
from relook.timing import FrameRange

INPUT, USAGE = 3, 2
MOST_PIXELS = 8_000_000
"""Longer films are counted whole, but only their first frames are rendered; larger pictures are only counted."""
FIRST_FRAMES = 4


@dataclass(frozen=True)
class Film:
    """What a film that renders must have."""

    count: int
    size: tuple[int, int]
    pixel_format: str
    rate: Fraction | int = 24
    first: Fraction | int = 0
    """When its first frame is shown, in seconds."""
    tags: tuple[int, int, int, bool | None] = (2, 2, 5, False)
    """Primaries, transfer and matrix by ITU-T H.273, and whether it is full range."""
    aspect: Fraction | int = Fraction(665, 664)
    timecode: str | None = None
    sound: tuple[str, ...] = ()
    ending: str = ".mkv"


@dataclass(frozen=True)
class Refused:
    """How a film is refused."""

    code: int
    words: str


QUICK = ("dropframe_timecode_2997.mov", "rotated_90_metadata.mp4", "three_audio_tracks.mp4")
UNTAGGED = (2, 2, 2, None)
TOS = (480, 200)
NTSC, FILM_NTSC = Fraction(30000, 1001), Fraction(24000, 1001)
PLAIN = Film(39, TOS, "yuv420p", sound=("aac",))

LUTS = (
    *("bleach_bypass_17_domain", "crlf_comments_4", "gamma_1d_64", "identity_17", "malformed_nan_text"),
    *("malformed_short_rows", "sepia_17"),
)
FUZZED = "clusterfuzz-testcase-minimized-openexr"
DAMAGED = (
    "asan_heap-oob_4cb169_380_4572f174dd4e48b879ca6d516486f30e_exr",
    f"{FUZZED}_deepscanlines_fuzzer-6279893151907840",
    f"{FUZZED}_exrcheck_fuzzer-5665195584258048",
    f"{FUZZED}_exrenvmap_fuzzer-5661107218546688",
    f"{FUZZED}_exrenvmap_fuzzer-5710558750572544",
    f"{FUZZED}_exrenvmap_fuzzer-6304609308770304",
    f"{FUZZED}_scanlines_fuzzer-5087823085174784",
    f"{FUZZED}_tiles_fuzzer-5895515179581440",
)
LENGTHS: dict[str, list[int]] = {
    "tears_of_steel_cmx3600": [52, 70, 35, 64],
    "simple_cut": [3, 6, 4, 6],
    "transition": [3, 4, 6, 6],
    "nested_example": [238, 31, 33, 29, 63, 4, 238],
}
"""Of each cut list's events, in frames."""

EXPECTED: dict[str, Film | Refused] = {
    "real/-video-with-dash-.mp4": Film(5, (1, 1), "yuv444p", 1, tags=UNTAGGED, aspect=1),
    "real/bitmap.mp4": Film(5, (1, 1), "yuv444p", 1, tags=UNTAGGED, aspect=1),
    "real/Chimera-AV1-10bit-480x270.avif": Film(
        95, (480, 270), "yuv420p10le", FILM_NTSC, tags=(2, 2, 2, False), aspect=1
    ),
    "real/alpha_video.avif": Film(48, (640, 480), "yuv420p", 25, tags=(1, 13, 1, False), aspect=1),
    "real/av1_video.mkv": Film(125, (640, 360), "yuv420p", 25, tags=(2, 2, 1, False), aspect=1),
    "real/bt709_full_range.mp4": Film(30, (1280, 720), "yuvj420p", 30, tags=(1, 1, 1, True), aspect=1),
    "real/delayed_start.mp4": Film(24, (480, 320), "yuv420p", 25, Fraction(43, 40), tags=UNTAGGED, aspect=1),
    "real/fades.mp4": Film(250, (480, 320), "yuv420p", 25, tags=UNTAGGED, aspect=1),
    "real/h264_10bits.mp4": Film(30, (200, 200), "yuv420p10le", 30, tags=UNTAGGED, aspect=1),
    "real/nasa_13013.mp4": Film(
        325, (320, 180), "yuv420p", 25, tags=(1, 1, 1, False), aspect=1, sound=("aac", "aac"), ending=".mp4"
    ),
    "real/no_duration.webm": Film(
        74, (1280, 720), "yuv420p", Fraction(15000, 1001), tags=(2, 2, 1, False), aspect=1, sound=("opus",)
    ),
    "real/smpte-2997.mp4": Film(251, (1920, 1080), "yuv420p", 25, tags=(1, 1, 1, False), aspect=1, sound=("aac",)),
    "real/transparent.webm": Film(150, (200, 200), "yuva420p", 30, tags=(1, 1, 5, False), aspect=1, sound=("vorbis",)),
    "real/mp4parse/h264_white_frame_sar_16_9.mp4": Film(
        1, (640, 480), "yuv420p", 25, tags=UNTAGGED, aspect=Fraction(16, 9)
    ),
    "real/mp4parse/tiny_av1.mp4": Film(1, (64, 64), "yuv420p", tags=(2, 2, 2, False), aspect=1),
    "real/mp4parse/video_colr_nclx_hdr10.mp4": Film(3, (2, 2), "yuv420p", 25, tags=(9, 16, 9, False), aspect=1),
    "real/mp4parse/video_colr_nclx_hlg.mp4": Film(3, (2, 2), "yuv420p", 25, tags=(9, 18, 9, False), aspect=1),
    "real/mp4parse/video_rotation_90.mp4": Film(1, (100, 60), "yuv420p", tags=UNTAGGED, aspect=1),
    "real/mp4parse/clusterfuzz-testcase-minimized-mp4-6093954524250112": Refused(INPUT, "cannot be read as a film"),
    "real/mp4parse/invalid_userdata.mp4": Refused(INPUT, "no frame of it can be read"),
    "real/hdr_stills/IMG_2682.heic": Refused(INPUT, "a still made of tiles"),
    "real/hdr_stills/10bit-HDR-P3-nclx.avif": Film(1, (3681, 5594), "yuv444p10le", 1, tags=(12, 16, 6, True), aspect=1),
    "real/hdr_stills/hdr_cosmos01650_cicp9-16-9_yuv420_limited_qp40.avif": Film(
        1, (2048, 858), "yuv420p10le", 1, tags=(9, 16, 9, False), aspect=1
    ),
    "synthetic/ leading space & quote's.mp4": PLAIN,
    "synthetic/UPPER.MP4": PLAIN,
    "synthetic/naïve file – 映画 (final) #1.mp4": PLAIN,  # noqa: RUF001
    "synthetic/rotated_180_metadata.mov": PLAIN,
    "synthetic/rotated_90_metadata.mp4": PLAIN,
    "synthetic/three_audio_tracks.mp4": Film(39, TOS, "yuv420p", sound=("aac", "aac", "aac")),
    "synthetic/all_black.mp4": Film(24, (320, 180), "yuv420p", tags=UNTAGGED, aspect=1),
    "synthetic/alpha_circle_vp9.webm": Film(24, (256, 144), "yuva420p", tags=(2, 2, 2, False), aspect=1),
    "synthetic/anamorphic_pal_sar64-45.mp4": Film(39, (720, 576), "yuv420p", aspect=Fraction(64, 45)),
    "synthetic/audio_5_1_ac3.mkv": Film(39, TOS, "yuv420p", first=Fraction(5, 1000), sound=("ac3",)),
    "synthetic/audio_only.mp4": Refused(INPUT, "no pictures"),
    "synthetic/bt601_tagged.mp4": Film(39, TOS, "yuv420p", tags=(6, 6, 6, False)),
    "synthetic/chapters_subs_flac.mkv": Film(39, TOS, "yuv420p", sound=("flac",)),
    "synthetic/dnxhr_lb_25fps.mov": Film(
        10, (1280, 720), "yuv422p", 25, tags=(2, 2, 1, False), aspect=Fraction(3591, 2656), sound=("pcm_s16le",)
    ),
    "synthetic/dropframe_timecode_2997.mov": Film(49, TOS, "yuv420p", NTSC, timecode="00:59:59;20"),
    "synthetic/editlist_negative_start.mp4": Film(22, TOS, "yuv420p", sound=("aac",)),
    "synthetic/extreme_aspect_4096x16.mp4": Film(5, (4096, 16), "yuv420p", tags=UNTAGGED, aspect=1),
    "synthetic/fps1.mp4": Film(4, (320, 180), "yuv420p", 1, tags=UNTAGGED, aspect=1),
    "synthetic/fps120.mp4": Film(60, (320, 180), "yuv420p", 120, tags=UNTAGGED, aspect=1),
    "synthetic/fullrange_bt709.mp4": Film(39, TOS, "yuvj420p", tags=(1, 1, 1, True)),
    "synthetic/gray8_ffv1.mkv": Film(10, TOS, "gray", tags=(2, 2, 5, True)),
    "synthetic/hdr10_pq_bt2020_hevc10.mp4": Film(39, TOS, "yuv420p10le", tags=(9, 16, 9, False), sound=("aac",)),
    "synthetic/hlg_bt2020_hevc10.mov": Film(39, TOS, "yuv420p10le", tags=(9, 18, 9, False)),
    "synthetic/odd_333x187_yuv444.mp4": Film(39, (333, 187), "yuv444p", aspect=Fraction(24871, 18426), sound=("aac",)),
    "synthetic/prores422hq_timecode_pcm24.mov": Film(
        15, TOS, "yuv422p10le", timecode="01:00:00:00", sound=("pcm_s24le",)
    ),
    "synthetic/prores4444_alpha_ramp.mov": Film(6, (240, 136), "yuva444p12le", tags=(2, 2, 2, False), aspect=1),
    "synthetic/rgb_lossless_h264.mkv": Film(12, TOS, "gbrp", tags=(2, 2, 0, True)),
    "synthetic/single_frame.mp4": Film(1, TOS, "yuv420p"),
    "synthetic/two_frames.mp4": Film(2, TOS, "yuv420p"),
    "synthetic/start_time_5s.ts": Film(39, TOS, "yuv420p", first=Fraction(32, 5), sound=("aac",)),
    "synthetic/tc_23976.mp4": Film(39, TOS, "yuv420p", FILM_NTSC, timecode="10:00:00:00", sound=("aac",)),
    "synthetic/tiny_16x16.mp4": Film(12, (16, 16), "yuv420p", tags=UNTAGGED, aspect=1),
    "synthetic/uhd8k_2frames_hevc10.mp4": Film(3, (7680, 4320), "yuv420p10le", tags=(2, 2, 2, False), aspect=1),
    "synthetic/vfr_dropped_every5th.mkv": Film(31, TOS, "yuv420p", first=Fraction(19, 1000), sound=("aac",)),
    "synthetic/vfr_gaps.mp4": Film(39, TOS, "yuv420p"),
    "synthetic/yuv422p12_ffv1.mkv": Film(10, TOS, "yuv422p12le"),
    "synthetic/text_named.mp4": Refused(INPUT, "cannot be read as a film"),
    "synthetic/zero_length.mp4": Refused(INPUT, "is empty"),
    "synthetic/truncated_no_moov.mp4": Refused(INPUT, "cannot be read as a film"),
    "synthetic/video_named_as.jpg": Refused(INPUT, "cannot be read as a picture"),
    "synthetic/png_header_60000x60000_bomb.png": Refused(INPUT, "60000 x 60000, which is too large"),
    # Damaged: what holds without a choice of how to go on.
    "real/mp4parse/no_timescale.mp4": Refused(INPUT, "damaged after 0 of about 182"),
    "synthetic/corrupt_bytes_in_mdat.mp4": Refused(INPUT, "damaged after 0 of about 39"),
    "synthetic/truncated_midstream.mkv": Refused(INPUT, "cut off: 7 of about 37"),
    "synthetic/interlaced_tff_25i.mp4": Refused(INPUT, "interlaced.*--deinterlace"),
    "synthetic/interlaced_bff_ntsc_sar8-9.mpg": Refused(INPUT, "telecined"),
    "synthetic/telecined_23_2997.mkv": Refused(INPUT, "telecined"),
    # No films.
    "synthetic/tears_of_steel_cmx3600.edl": Refused(INPUT, "is a cut list"),
    **{
        f"real/otio/{name}.otio": Refused(INPUT, "is a cut list")
        for name in ("nested_example", "simple_cut", "transition")
    },
    **{f"synthetic/luts/{name}.cube": Refused(INPUT, "is a LUT") for name in LUTS},
    **{f"real/exr_damaged/{name}": Refused(INPUT, "cannot be read") for name in DAMAGED},
}

PICTURES: dict[str, tuple[int, tuple[int, int], str] | Refused] = {
    "real/dpx/FFmpeg_gray16be.dpx": (1, (80, 60), "gray16le"),
    "real/dpx/rgb8.dpx": (1, (600, 402), "bgr24"),
    "real/dpx/rgb10_filledA_le.dpx": (1, (1920, 4), "gbrp10le"),
    "real/dpx/rgb12_15x4.dpx": (1, (15, 4), "gbrp12le"),
    "real/dpx/rgba12_filledA_be.dpx": (1, (1920, 4), "gbrap12le"),
    "real/exr/CrissyField.exr": Refused(INPUT, "luminance and subsampled chroma"),
    "real/exr/FFmpeg_gbrp32_gamma_removed.exr": Refused(INPUT, "damaged"),
    "real/exr/FFmpeg_gbrp32_gamma_removed_hacked_yuv16.exr": Refused(INPUT, "luminance and chroma"),
    "real/exr/t01.exr": Refused(INPUT, "missing: 2, 4, 6-7"),
    "real/exr/t03.exr": (1, (400, 300), "gbrpf16le"),
    "real/exr/t05.exr": (1, (400, 300), "gbrpf16le"),
    "real/exr/t08.exr": (1, (400, 300), "gbrpf16le"),
    "real/tiff/flower-rgb-contig-10.tif": (1, (73, 43), "gbrp10le"),
    "real/tiff/flower-rgb-contig-16.tif": (1, (73, 43), "bgr48le"),
    "real/tiff/flower-separated-contig-16.tif": Refused(INPUT, "CMYK"),
    "real/tiff/testsrc_Raw_RGBA_16_LE.tiff": (1, (16, 16), "bgra64le"),
    "synthetic/seq_dpx10_tc": (3, (240, 100), "gbrp10le"),
    "synthetic/seq_exr_linear": (4, (240, 100), "gbrpf32le"),
    "synthetic/seq_gap": Refused(INPUT, "missing: 4-5"),
    "synthetic/seq_mixed_size": Refused(INPUT, "3-4 .200 x 84"),
    "synthetic/seq_png16": (4, (240, 100), "bgr48le"),
    "synthetic/seq_tiff16": (3, (240, 100), "bgr48le"),
    "synthetic/seq_unpadded": (12, (160, 66), "bgr24"),
    "synthetic/still_linear_over1_and_negative.exr": (1, (480, 200), "gbrpf32le"),
}
"""Count, size and pixel format of picture sequences, or how they are refused."""


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if Path(n).name in QUICK else pytest.mark.slow) for n in EXPECTED]
)
def test_an_awkward_film_goes_through_whole_or_is_refused(
    footage: Callable[[str], Path], tmp_path: Path, name: str, stamps: Any, require_same: Any
) -> None:
    source, expected, target = footage(f"awkward/{name}"), EXPECTED[name], tmp_path / "o.mkv"
    if isinstance(expected, Refused):
        require_refused(source, target, expected)
        return
    info, times = probe(source), stamps(source)
    colour = info.colour
    assert (len(times), times[0]) == (expected.count, expected.first)
    assert ((info.width, info.height), info.pixel_format, info.frame_rate) == (
        expected.size,
        expected.pixel_format,
        expected.rate,
    )
    assert (colour.primaries, colour.transfer, colour.matrix, colour.full_range) == expected.tags
    assert (info.sample_aspect, info.timecode, info.audio_codecs) == (
        expected.aspect,
        expected.timecode,
        expected.sound,
    )
    target = target.with_suffix(expected.ending)
    if info.width * info.height > MOST_PIXELS:
        return
    is_long = len(times) * info.width * info.height > MOST_PIXELS
    wanted = FrameRange(0, min(FIRST_FRAMES, len(times))) if is_long else None
    relook.apply(source, "silent", target, strength=0, frames=wanted)
    require_same(source, target, wanted)


def require_refused(source: Path, target: Path, expected: Refused) -> None:
    with pytest.raises(RelookError, match=expected.words) as error:
        relook.apply(source, "silent", target, strength=0)
    assert error.value.exit_code == expected.code
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("name", PICTURES)
def test_awkward_pictures_go_through_whole_or_are_refused(
    footage: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    source, expected = footage(f"awkward/{name}"), PICTURES[name]
    if isinstance(expected, Refused):
        require_refused(source, tmp_path / "o.####.png", expected)
        return
    info = probe(source)
    assert (len(info.pictures), (info.width, info.height), info.pixel_format) == expected
    ending = info.pictures[0].suffix.replace(".jpg", ".png")
    relook.apply(source, "silent", tmp_path / f"o.####{ending}", strength=0)
    written = sorted(tmp_path.glob(f"o.*{ending}"))
    assert len(written) == len(info.pictures)
    for one, two in zip(info.pictures, written, strict=True):
        before, after = read_picture(one), read_picture(two)
        assert (after.codes.shape, after.bit_depth) == (before.codes.shape, before.bit_depth)
        assert np.array_equal(after.codes, before.codes)
        assert after.facts == before.facts


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith((".edl", ".otio"))])
def test_awkward_cut_lists_are_read(footage: Callable[[str], Path], name: str) -> None:
    events = read_cut_list(footage(f"awkward/{name}"), Fraction(24)).events
    assert [len(event.record) for event in events] == LENGTHS[Path(name).stem]


def test_every_awkward_file_has_a_row(footage: Callable[[str], Path]) -> None:
    folder = footage("awkward")
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    rows = {Path(name) for name in (*EXPECTED, *PICTURES)}
    assert {path for path in found if path not in rows and path.parent not in rows} == set()
    assert {row for row in rows if not (folder / row).exists()} == set()
