"""The one look of all plots.

Colours are told apart by colour-blind readers (Okabe and Ito 2008), and backgrounds are transparent, so that a page may
be light or dark.
"""

import plotly.graph_objects as go

BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#7F7F7F",
)  # fmt: skip
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY, GREY)
DASHES = ("solid", "dash", "dot")  # once the colours are used up
DIVERGING = [[0.0, VERMILION], [0.5, "rgba(247,247,247,0)"], [1.0, BLUE]]
GRID = "rgba(128,128,128,0.25)"
INK = "#333333"  # text, and the lines that say so in `meta`
DARK_INK = "#e4e4e4"  # what a page turns it into in the dark
HALF = "half"  # `meta` of a plot that takes half of a wide page; on a narrow one it takes all

THEME = go.layout.Template(
    layout=go.Layout(
        margin={"l": 60, "r": 16, "t": 30, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        hovermode="x unified",
        # on its own ground, whatever the page's
        hoverlabel={"bgcolor": "rgba(255,255,255,0.95)", "font": {"color": "#222222"}},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        colorway=PALETTE,
        xaxis={"gridcolor": GRID, "zeroline": False, "linecolor": GRID},
        yaxis={"gridcolor": GRID, "zeroline": True, "zerolinecolor": GRID, "linecolor": GRID, "automargin": True},
    )
)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """A plot of so many pixels in the look of all others.

    >>> styled(go.Figure(), 200).layout.height
    200
    """
    figure.update_annotations(font_size=13)  # titles of subplots, which Plotly writes larger than headings
    return figure.update_layout(template=THEME, height=height)


def line_style(i: int, width: float = 1.6) -> dict[str, object]:
    """Of the i-th series: the next colour, and another dash once these are used up."""
    return {"color": PALETTE[i % len(PALETTE)], "dash": DASHES[i // len(PALETTE) % len(DASHES)], "width": width}
