"""A pen for the pictures of the explanations: SVG that follows the reader's choice of light or dark.

A picture is 480 units wide, so that a phone shows it whole.
"""

from collections.abc import Callable
from html import escape

WIDTH = 480
_STYLE = """
svg{--paper:#fff;--ink:#1f2430;--soft:#5b6475;--line:#c9cfda;--tint:#eef1f7;--blue:#2563eb;--red:#c2410c;--green:#15803d}
@media(prefers-color-scheme:dark){svg{--paper:#1e2129;--ink:#e6e9f0;--soft:#a3adbf;--line:#4a5263;--tint:#2a2f3b;
--blue:#7aa7ff;--red:#ff9a5c;--green:#5fd38d}}
text{font:14px system-ui,sans-serif;fill:var(--ink)}.soft{fill:var(--soft);font-size:12.5px}.bold{font-weight:600}
.code{font-family:ui-monospace,monospace;font-size:13px}.end{text-anchor:end}.mid{text-anchor:middle}
""".replace("\n", "")


class Drawing:
    """A picture that grows by what is drawn on it.

    Parameters
    ----------
    height : float
        In units; it is `WIDTH` units wide.
    title : str
        What is read out to those who cannot see it.
    """

    def __init__(self, height: float, title: str) -> None:
        size = f'viewBox="0 0 {WIDTH} {height}" width="{1.2 * WIDTH:.0f}" height="{1.2 * height:.0f}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">'
        arrow = '<path d="M0 0L8 4L0 8z" style="fill:var(--soft)"/>'
        tip = '<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        styles = f"<style>{_STYLE}</style><defs>{tip}{arrow}</marker></defs>"
        self._parts = [head, f"<title>{escape(title)}</title>", styles]
        self.box(0, 0, WIDTH, height, fill="paper", edge=None, radius=8)

    def text(self, x: float, y: float, words: str, kind: str = "", colour: str = "") -> None:
        """Write words with their left end, or with the kind's end or middle, at a place."""
        style = f' style="fill:var(--{colour})"' if colour else ""
        self._parts.append(f'<text x="{x:.4g}" y="{y:.4g}" class="{kind}"{style}>{escape(words)}</text>')

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        fill: str = "tint",
        edge: str | None = "line",
        radius: float = 5,
    ) -> None:
        """Draw a box from its upper left corner."""
        stroke = f";stroke:var(--{edge})" if edge else ""
        shape = f'x="{x:.4g}" y="{y:.4g}" width="{width:.4g}" height="{height:.4g}" rx="{radius}"'
        self._parts.append(f'<rect {shape} style="fill:var(--{fill}){stroke}"/>')

    def line(
        self,
        *points: tuple[float, float],
        colour: str = "line",
        width: float = 1.5,
        dash: str = "",
        is_arrow: bool = False,
    ) -> None:
        """Draw a line through some points."""
        path = "L".join(f"{x:.4g} {y:.4g}" for x, y in points)
        style = f"fill:none;stroke:var(--{colour});stroke-width:{width}" + (f";stroke-dasharray:{dash}" if dash else "")
        marker = ' marker-end="url(#a)"' if is_arrow else ""
        self._parts.append(f'<path d="M{path}" style="{style}"{marker}/>')

    def dot(self, x: float, y: float, colour: str = "blue", radius: float = 4, opacity: float = 1) -> None:
        """Draw a dot around a place."""
        style = f"fill:var(--{colour})" + (f";opacity:{opacity}" if opacity < 1 else "")
        self._parts.append(f'<circle cx="{x:.4g}" cy="{y:.4g}" r="{radius}" style="{style}"/>')

    def __str__(self) -> str:
        return "".join([*self._parts, "</svg>\n"])


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Map low to high onto start to end."""
    return lambda value: start + (value - low) / (high - low) * (end - start)
