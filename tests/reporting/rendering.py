"""Documents as text, without what changes from one writing to the next."""

import datetime as dt

from quant_assets.reporting.document import Document
from quant_assets.reporting.html import Surroundings, render

WRITTEN = dt.datetime(2016, 2, 1, 12, 30, tzinfo=dt.UTC)
AROUND = Surroundings("kind", "What it shows.", "0.0", WRITTEN, library="plotly.min.js", index="index.html")


def page_text(document: Document, around: Surroundings = AROUND) -> str:
    return render(document, around)
