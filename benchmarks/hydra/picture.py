"""Leak against honest requests stopped, a point for each level and system, a panel for each view."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.hydra.table import Row

FLOOR = 1e-5  # where a share of nothing is drawn on a logarithmic axis
MIDDLE = 0.02  # labels of points right of it are written to their left
MARKERS = "osD^vPX*"


def draw(found: Sequence[Row], path: Path) -> None:
    """Write the picture as SVG or PNG, by the path's suffix. ImportError: matplotlib is not installed."""
    import matplotlib as mpl  # noqa: PLC0415 - a second to import, and only this function needs it

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "hydra"
    from matplotlib import pyplot  # noqa: PLC0415 - after the backend was chosen

    shown = [row for row in found if row.leak is not None]
    views = list(dict.fromkeys(row.view for row in shown)) or ["full"]
    systems = list(dict.fromkeys(row.system for row in shown))
    figure, panels = pyplot.subplots(1, len(views), figsize=(5.2 * len(views), 4.6), sharey=True, squeeze=False)
    for view, panel in zip(views, panels[0], strict=True):
        _panel(panel, [row for row in shown if row.view == view], systems)
        panel.set_title(view)
        panel.set_xlabel("honest requests stopped")
    panels[0][0].set_ylabel("leak: share of the hydra's requests let through")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=2 * len(views), frameon=False)
    figure.tight_layout(rect=(0, 0.1, 1, 1))
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _panel(panel: Any, found: Sequence[Row], systems: Sequence[str]) -> None:
    for number, system in enumerate(systems):
        points = [row for row in found if row.system == system]
        across = [max(FLOOR, row.honest_stopped) for row in points]
        up = [row.leak for row in points]
        panel.scatter(across, up, label=system, marker=MARKERS[number % len(MARKERS)], color=f"C{number}", s=36)
        for (x, y), levels in _together(points).items():
            side, nudge = ("right", -5) if x > MIDDLE else ("left", 5)
            label = panel.annotate(
                levels, (x, y), textcoords="offset points", xytext=(nudge, 3 - 8 * (number % 2)), ha=side, fontsize=7
            )
            label.set_in_layout(False)
    panel.set_xscale("log")
    panel.set_xlim(FLOOR / 1.5, 1)
    panel.set_ylim(-0.02, 1.05)
    panel.axvline(0.003, color="0.7", linewidth=0.8, linestyle="--")
    panel.grid(visible=True, linewidth=0.3)


def _together(points: Sequence[Row]) -> dict[tuple[float, float], str]:
    """Labels of the points that would lie on one another, joined, at the first of them."""
    corners: dict[tuple[str, float], tuple[float, float]] = {}
    names: dict[tuple[float, float], list[str]] = {}
    for row in points:
        at = max(FLOOR, row.honest_stopped), row.leak or 0.0
        corner = corners.setdefault((f"{at[0]:.0e}", round(at[1], 1)), at)
        names.setdefault(corner, []).append(row.level)
    return {at: " ".join(dict.fromkeys(found)) for at, found in names.items()}
