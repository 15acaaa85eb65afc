from __future__ import annotations

import importlib.util
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from poseda_cli.errors import UsageError
from poseda_cli.figures.canvas import DOTS_PER_INCH, axes_at, check_plot, new_figure, save, shortened, text_at

MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml version", "pdf": b"%PDF-1."}
TITLE = "A: h36m_train_detections_of_a_cascaded_pyramid_network_v2.npz"


@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.pdf", "A.PNG", "a.b.Pdf", None])
def test_formats(name):
    check_plot(name and Path(name))


@pytest.mark.parametrize("name", ["figure.jpg", "figure", "png", ".png", "figure.png.gz"])
def test_another_format_is_refused(name):
    with pytest.raises(UsageError) as refused:
        check_plot(Path(name))
    assert str(refused.value) == f"--plot {name}: expected a file that ends in .png, .svg, .pdf."


def test_without_matplotlib_the_message_names_the_extra(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name))
    with pytest.raises(UsageError) as refused:
        check_plot(Path("figure.png"))
    assert str(refused.value) == "--plot takes matplotlib: pip install 'poseda[plot]'."


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_a_file_of_the_kind_that_its_suffix_names(tmp_path, kind):
    file = tmp_path / f"figure.{kind.upper()}"
    with new_figure(2.0, 1.5) as figure:
        text_at(figure, 0.5, 0.5, "text")
        save(figure, file)
    assert file.read_bytes().startswith(MAGIC[kind])


def test_size_in_pixels_and_places_in_inches(tmp_path):
    """A black square of 0.5 inches, 0.25 inches from the left and 0.75 inches from the top."""
    with new_figure(2.0, 3.0) as figure:
        axes_at(figure, 0.25, 0.75, 0.5, 0.5, label="black").set(xticks=[], yticks=[], facecolor="black")
        save(figure, tmp_path / "figure.png")
    image = imread(tmp_path / "figure.png")[..., 0]
    assert image.shape == (3 * DOTS_PER_INCH, 2 * DOTS_PER_INCH)
    rows, columns = np.nonzero(image < 0.5)
    # Lines of the axes reach out by half their width.
    inches = np.array([columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]) / DOTS_PER_INCH
    assert inches == pytest.approx([0.25, 0.75, 0.75, 1.25], abs=0.011)


def test_settings_of_the_user_have_no_part_and_come_back(tmp_path):
    def draw(name):
        with new_figure(2.0, 1.5) as figure:
            axes_at(figure, 0.3, 0.2, 1.5, 1.0).plot([1.0, 2.0, 4.0])
            save(figure, tmp_path / name)
        return (tmp_path / name).read_bytes()

    before = {kind: draw(f"before.{kind}") for kind in MAGIC}
    changes = {"font.size": 20.0, "savefig.bbox": "tight", "axes.grid": True, "svg.fonttype": "path"}
    with matplotlib.rc_context(changes):
        assert {kind: draw(f"after.{kind}") for kind in MAGIC} == before
        assert {key: matplotlib.rcParams[key] for key in changes} == changes


def test_axes_are_found_by_what_they_show(tmp_path):
    with new_figure(2.0, 2.0) as figure:
        axes_at(figure, 0.5, 0.5, 1.0, 1.0, label="scale of source")
        save(figure, tmp_path / "figure.svg")
    assert [axes.get_label() for axes in figure.axes] == ["scale of source"]
    assert '<g id="scale-of-source">' in (tmp_path / "figure.svg").read_text()


def inches(text, **font):
    """As drawn, at a resolution where the rounding to whole pixels does not matter."""
    with new_figure(20.0, 1.0) as figure:
        figure.set_dpi(1000)
        return figure.text(0, 0, text, **font).get_window_extent().width / 1000


@pytest.mark.parametrize("font", [{"size": 6.0}, {"size": 7.5, "weight": "bold"}])
@pytest.mark.parametrize("width", [0.4, 1.0, 1.7, 2.4])
def test_long_names_are_shortened_in_the_middle(width, font):
    found = shortened(TITLE, width, **font)
    start, end = found.split("…")
    assert TITLE.startswith(start)
    assert TITLE.endswith(end)
    assert abs(len(start) - len(end)) <= 1
    # No wider than it may be, and no shorter than it must be.
    one_more = f"{TITLE[: len(start) + 1]}…{TITLE[len(TITLE) - len(end) - 1 :]}"
    assert inches(found, **font) <= width + 0.02
    assert inches(one_more, **font) > width


def test_names_that_fit_stay():
    assert shortened("target", 1.0, size=7) == "target"
    assert shortened("", 1.0, size=7) == ""
    assert shortened("target", 0.01, size=7) == "…"


def test_what_cannot_be_printed_is_replaced():
    assert shortened("a\nb\x07c\udcff d", 5.0, size=7) == "a�b�c� d"


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_names_are_no_formulas_and_may_be_in_any_script(tmp_path, kind):
    with new_figure(3.0, 1.0) as figure:
        text_at(figure, 0.1, 0.5, shortened(r"$x^2$ \alpha_ $$ 人体 <&>", 2.5, size=7))
        save(figure, tmp_path / f"figure.{kind}")
    if kind == "svg":
        assert r"$x^2$ \alpha_ $$ 人体 &lt;&amp;&gt;" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
