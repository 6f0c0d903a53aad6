"""A picture as it stands in a page: SVG with a title, marked configurations, and colours for dark pages.

A page is light or dark as its reader's screen is, and a picture follows: its colours are variables of the page's style,
which has two values for each of them.
"""

import io
import re

from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure

from nnsweep.results.plots import COLOURS
from nnsweep.results.plots.drawing import write_figure
from nnsweep.results.plots.style import GREY, LETTERS, contrast
from nnsweep.results.tables.formats import Html

GROUND, INK = "#18181a", "#e8e8ea"
"""Of a dark page, as ``page.css`` has them."""
LEAST_CONTRAST = 3.0
"""Of what is drawn, to the ground: W3C, Web content accessibility guidelines 2.1, 2018, criterion 1.4.11."""
PALETTE = {f"fill: {colour.lower()}" for colour in (*COLOURS, GREY, "#ffffff")}
ON_DARK = dict(
    zip(
        (colour.lower() for colour in COLOURS),
        ("#b3bdff", "#cd4207", "#048f58", "#ffb902", INK, "#3f72d9", "#f3ce8b", "#9a5590"),
        strict=True,
    )
)
"""What stands for the colours of configurations on a dark page: as far apart there, with deuteranopia, too."""
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r'(url\(#|href="#)')
_USED = re.compile(r'(?:url\(#|href="#)([^")]*)')
_MARK = re.compile(r'id="configuration-(\d+)-\d+"')
_UNWANTED = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_TEXT = re.compile(r">[^<]+<")
_ESCAPED = {ord('"'): "&quot;", ord("#"): "&#35;"}
"""So that nobody's text looks like an attribute."""
_LINES = re.compile(r' d="([MLz\d.\s-]*)"')
_POINT = re.compile(r"([MLz])(?: (-?[\d.]+) (-?[\d.]+))?")
_ZERO = re.compile(r"(^|[^\d.])0\.")
_UNTURNED = re.compile(r' transform="rotate\(-0 [^)]*\)"')
_BETWEEN = re.compile(r">\s+<")
_GEOMETRY = re.compile(r' (?:d|x|y|transform)="[^"]*"')
_FURTHER_DIGITS = re.compile(r"(?<=\d\d\.\d)\d+|(?<=\d\.\d\d)\d+")
"""Beyond a tenth of a point in a place, and a hundredth in a small shape, which no screen shows."""
_STYLE = re.compile(r' style="([^"]*)"')
_COLOUR = re.compile(r"(fill|stroke): (#[0-9a-f]{6})")
_EDGED = re.compile(r"fill: #[0-9a-f]{6}; stroke: #ffffff")
_VARIABLE = re.compile(r"var\(--x([0-9a-f]{6})\)")


def inline_svg(figure: Figure, name: str, caption: str) -> str:
    """Draw a picture to be put into a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        The picture; what is tagged in it (`nnsweep.results.plots.style.tag`) shows one configuration.
    name : str
        What its ids begin with.
    caption : str
        Its title, for readers who cannot see it.

    Returns
    -------
    str
        The element; its colours are variables, which `share_styles` defines.
    """
    buffer = io.BytesIO()
    write_figure(figure, buffer, "svg")
    drawn = _UNWANTED.sub("", buffer.getvalue().decode()).strip().replace("*{stroke", ".picture svg *{stroke")
    drawn = _TEXT.sub(lambda match: match[0].translate(_ESCAPED), drawn)
    drawn = _LINES.sub(lambda match: f' d="{_shorten_lines(match[1])}"', drawn)
    drawn = _UNTURNED.sub("", _BETWEEN.sub("><", drawn))
    drawn = _GEOMETRY.sub(lambda match: _FURTHER_DIGITS.sub("", match[0].replace(" \n", "")), drawn)
    drawn = _MARK.sub(r'class="mark" data-configuration="\1"', drawn)
    used = {*_USED.findall(drawn)}
    drawn = _ID.sub(lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", drawn)
    drawn = _REFERENCE.sub(rf"\1{name}-", drawn)
    drawn = _STYLE.sub(lambda match: _name_colours(match[0]), drawn)
    title = f'<title id="{name}-title">{Html.escape(caption)}</title>'
    labelled = f'<svg role="img" aria-labelledby="{name}-title" '
    head, _, rest = drawn.partition(">")
    return f"{head.replace('<svg ', labelled, 1)}>{title}{rest}"


def _shorten_lines(path: str) -> str:
    r"""Write straight lines as steps from point to point, in tenths of a point of print.

    Examples
    --------
    >>> _shorten_lines("M 10.04 20 \\nL 15.56 19.51 \\nL 21.08 19.51 \\nz")
    'M10 20l5.6-.5 5.5 0z'
    """
    written, last, x, y = [], "", 0, 0
    for command, across, down in _POINT.findall(path):
        if command == "z":
            written.append("z")
        else:
            before, x, y = (x, y), round(10 * float(across)), round(10 * float(down))
            step = f"{(x - before[0]) / 10:g} {(y - before[1]) / 10:g}"
            begins = " " if last == "L" else "l"
            written.append(f"M{x / 10:g} {y / 10:g}" if command == "M" else begins + step)
        last = command
    return _ZERO.sub(r"\1.", "".join(written).replace(" -", "-"))


def share_styles(body: str) -> tuple[str, str]:
    """Put the styles of the pictures in a page into one sheet, with the colours of a light and of a dark screen.

    Parameters
    ----------
    body : str
        The page, with what `inline_svg` drew; nothing else in it has a style.

    Returns
    -------
    body : str
        The page, with a class in place of each style.
    sheet : str
        The classes, which are far fewer than what has them.
    """
    styles = {style: f"s{place}" for place, style in enumerate(dict.fromkeys(_STYLE.findall(body)))}
    names = sorted({name for style in styles for name in _VARIABLE.findall(style)} | {"000000"})
    light = " ".join(f"--x{name}: #{name};" for name in names)
    dark = " ".join(f"--x{name}: {turn_dark(f'#{name}')};" for name in names)
    sheet = [f":root {{ {light} }}", f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"]
    sheet += [f".{name} {{ {style} }}" for style, name in styles.items()]
    return _STYLE.sub(lambda match: f' class="{styles[match[1]]}"', body), "\n".join(sheet) + "\n"


def turn_dark(colour: str) -> str:
    """Give what stands for a colour on a dark page.

    Black, white and the greys between them are turned about: ink is light there, and the ground dark. Configurations
    have other colours, and whatever else would not stand out is lighter.

    Parameters
    ----------
    colour : str
        Such as ``#154fc6``.

    Returns
    -------
    str
        A colour in the same form.

    Examples
    --------
    >>> turn_dark("#000000"), turn_dark("#ffffff"), turn_dark("#ff0000")
    ('#e8e8ea', '#18181a', '#ff0000')
    """
    red, green, blue = to_rgb(colour)
    if red == green == blue:
        return _mix(INK, GROUND, red)
    colour = ON_DARK.get(colour, colour)
    steps = (_mix(colour, "#ffffff", step / 10) for step in range(11))
    return next(mixed for mixed in steps if contrast(mixed, GROUND) >= LEAST_CONTRAST)


def _mix(first: str, second: str, share: float) -> str:
    """Mix two colours; a share of 1 is the second."""
    parts = [(1 - share) * one + share * other for one, other in zip(to_rgb(first), to_rgb(second), strict=True)]
    return to_hex((parts[0], parts[1], parts[2]))


def _name_colours(style: str) -> str:
    """Write the colours of a style as variables, but for the shade of a number: in a map, that means the number."""
    is_cell = bool(_EDGED.search(style)) and not any(colour in style for colour in PALETTE)

    def name_colour(match: re.Match[str]) -> str:
        paints, colour = match.groups()
        is_fixed = colour in LETTERS or (is_cell and paints == "fill")
        return match[0] if is_fixed else f"{paints}: var(--x{colour[1:]})"

    return _COLOUR.sub(name_colour, style)
