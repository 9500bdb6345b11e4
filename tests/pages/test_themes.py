"""The palette by numbers: seen on its ground, and told apart by who sees colours differently."""

from __future__ import annotations

from itertools import combinations

import pytest

from stream_app.pages.themes import DARK, LIGHT, SYMBOLS, Theme

THEMES = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
Colour = tuple[float, float, float]

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes (2009), "A physiologically-based model for
# simulation of color vision deficiency", severity 1, on linear RGB.
SIGHTS = {
    "usual": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}


def _linear(colour: str) -> Colour:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _lab(colour: str, sight: str) -> Colour:
    """CIE L*a*b*, as somebody sees it."""
    linear = _linear(colour)
    rows = SIGHTS[sight]
    red, green, blue = (
        min(1.0, max(0.0, sum(a * b for a, b in zip(row, linear, strict=True)))) for row in rows
    )
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@THEMES
def test_every_colour_can_be_seen_on_its_ground(theme: Theme) -> None:
    assert _contrast(theme.ink, theme.ground) > 7  # text
    for colour in theme.colours:
        assert _contrast(colour, theme.ground) >= 3, colour


@THEMES
def test_numbers_can_be_read_in_every_cell_of_a_heat_map(theme: Theme) -> None:
    for end in theme.scale:
        assert _contrast(theme.ink, end) > 4.5, end


@THEMES
@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_colours_look_alike(theme: Theme, sight: str) -> None:
    for one, other in combinations(theme.colours, 2):
        apart = zip(_lab(one, sight), _lab(other, sight), strict=True)
        distance = sum((a - b) ** 2 for a, b in apart) ** 0.5
        assert distance > 20, (one, other, distance)


@THEMES
def test_every_colour_has_a_marker_of_its_own(theme: Theme) -> None:
    assert len(set(SYMBOLS)) == len(SYMBOLS) == len(theme.colours)
    assert theme.colours[0] == theme.ink
