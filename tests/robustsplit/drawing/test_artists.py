"""What is drawn around a line."""

import numpy as np
from matplotlib.figure import Figure

from robustsplit.drawing.artists import draw_ceiling, draw_null, draw_spread

AT = np.array([0.0, 1.0])


def test_null_bands_do_not_add_up():
    """Where two lie on each other, the pixel is as dark as where one is."""
    shades = []
    for times in (1, 5):
        figure = Figure(figsize=(2, 2))
        ax = figure.add_subplot()
        for _ in range(times):
            draw_null(ax, AT, AT * 0 + 1, AT * 0 + 1, name="null", colour="r")
        ax.set(xlim=(0, 1), ylim=(-2, 4))
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        x, y = ax.transData.transform((0.5, 1.0)).astype(int)
        pixels = np.asarray(canvas.buffer_rgba())
        shades.append(pixels[pixels.shape[0] - y, x].tolist())
    assert shades[0] == shades[1] != [255, 255, 255, 255]


def test_each_kind_is_in_the_legend_once():
    ax = Figure().add_subplot()
    for _ in range(3):
        draw_null(ax, AT, AT, AT, name="null mean", colour="r")
        draw_null(ax, AT, AT, None, name="released null", colour="r")
        draw_ceiling(ax, AT, AT)
        draw_spread(ax, AT, AT, AT + 1, how="band", colour="r")
        draw_spread(ax, AT, AT, AT + 1, how="bars", colour="r")
    labels = ax.get_legend_handles_labels()[1]
    assert len(labels) == 3 and sum("null" in text for text in labels) == 2
