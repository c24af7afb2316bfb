"""The flags, listed: a new knob goes into the recipe, not on the command line."""

from __future__ import annotations

import subprocess
import sys

import pytest

FLAGS = {
    "demo": {"--output", "--device", "--json"},
    "train": {
        "--source",
        "--style",
        "--output",
        "--preset",
        "--budget",
        "--pair",
        "--colour-space",
        "--seed",
        "--resume",
        "--fork",
        "--overwrite",
        "--device",
        "--processes",
        "--json",
    },
    "apply": {
        "--look",
        "--output",
        "--strength",
        "--grade",
        "--detail",
        "--texture",
        "--vignette",
        "--softness",
        "--halation",
        "--grain",
        "--flicker",
        "--weave",
        "--dust",
        "--scratches",
        "--unevenness",
        "--cranking",
        "--aperture",
        "--condition",
        "--passes",
        "--allow-flashes",
        "--on-damage",
        "--deinterlace",
        "--tile",
        "--seed",
        "--range",
        "--tile-rows",
        "--edl",
        "--handles",
        "--colour-space",
        "--overwrite",
        "--device",
        "--json",
    },
    "check": {"--look", "--source", "--output", "--colour-space", "--overwrite", "--json"},
    "looks": {"--json"},
    "verify": {"--source", "--look", "--json"},
    "info": {"--marks", "--for", "--shots", "--json"},
    "doctor": {"--json"},
}


def test_the_verbs_and_their_flags() -> None:
    import typer.main

    from relook.cli.app import build_app

    commands = typer.main.get_command(build_app()).commands  # type: ignore[attr-defined]
    found = {
        name: {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for name, command in commands.items()
    }
    assert found == FLAGS


@pytest.mark.parametrize("verb", FLAGS)
def test_every_verb_explains_itself_without_loading_torch(verb: str) -> None:
    code = f"""
import sys, relook.cli
try:
    relook.cli.main(["{verb}", "--help"])
finally:
    assert "torch" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: relook {verb}" in done.stdout
