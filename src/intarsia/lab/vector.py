"""A drawing's marks as elements of an SVG document."""

from __future__ import annotations

import base64
import io
from html import escape

from .marks import Box, Color, Dot, Line, Mark, Words


def svg(mark: Mark) -> str:
    """Write a mark as an element of an SVG document."""
    match mark:
        case Box():
            line = "" if mark.line is None else f' stroke="{_hex(mark.line)}" stroke-width="{mark.width}"'
            line += f' stroke-dasharray="{mark.dash}"' if mark.line is not None and mark.dash else ""
            fill = "none" if mark.fill is None else _hex(mark.fill)
            where = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.w:.2f}" height="{mark.h:.2f}"'
            return f'<rect {where} fill="{fill}"{line}/>'
        case Line():
            points = " ".join(f"{x:.2f},{y:.2f}" for x, y in mark.points)
            if mark.filled:
                return f'<polygon points="{points}" fill="{_hex(mark.color)}"/>'
            dash = f' stroke-dasharray="{mark.dash}"' if mark.dash else ""
            look = f'stroke="{_hex(mark.color)}" stroke-width="{mark.width}" stroke-linejoin="round"{dash}'
            return f'<polyline points="{points}" fill="none" {look}/>'
        case Dot():
            look = f'fill="{_hex(mark.fill)}" stroke="{_hex(mark.rim)}"'
            return f'<circle cx="{mark.x:.2f}" cy="{mark.y:.2f}" r="{mark.radius - 0.5:.2f}" {look}/>'
        case Words():
            y = mark.y + {"m": 0.36, "t": 0.86, "b": -0.14}[mark.anchor[1]] * mark.size
            anchor = {"l": "start", "m": "middle", "r": "end"}[mark.anchor[0]]
            weight = ' font-weight="600"' if mark.bold else ""
            look = f'font-size="{mark.size:g}" fill="{_hex(mark.color)}" text-anchor="{anchor}"{weight}'
            return f'<text x="{mark.x:.2f}" y="{y:.2f}" {look}>{escape(mark.words)}</text>'
    buffer = io.BytesIO()
    mark.image.save(buffer, "PNG", optimize=True)
    data = base64.b64encode(buffer.getvalue()).decode()
    look = 'preserveAspectRatio="none" style="image-rendering: pixelated"' if mark.image.width <= mark.w else ""
    where = f'x="{mark.x:.2f}" y="{mark.y:.2f}" width="{mark.w:.2f}" height="{mark.h:.2f}"'
    return f'<image {where} {look} href="data:image/png;base64,{data}"/>'


def _hex(color: Color) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)
