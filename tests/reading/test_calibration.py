import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError
from poseda_cli.published import mpi_inf_3dhp_train_cameras
from poseda_cli.reading.calibration import differences, is_calibration, read_calibration
from poseda_cli.storage.archive import open_archive
from tests.layouts import writers as w
from tests.layouts import writers_3dhp as m


def read_text(path):
    return read_calibration(open_archive(path))


def written(folder, **changes):
    return m.write_calibration(folder / "camera.calibration", **changes)


def test_numbers_of_the_file(tmp_path):
    cameras = read_text(written(tmp_path))
    assert list(cameras) == [str(number) for number in range(14)]
    assert [tuple(vars(camera.intrinsics).values()) for camera in cameras.values()] == [
        (*lens, 2048, 2048) for lens in m.LENSES
    ]
    rotation, translation = m.PLACES[8]
    assert cameras["8"].rotation == tuple(map(tuple, rotation))
    # The centre that the official calibration of the test set gives for this camera, in metres.
    assert cameras["8"].centre == pytest.approx((3.42728, 1.38786, 0.30942), abs=1e-5)
    np.testing.assert_allclose(-np.array(rotation) @ cameras["8"].centre, np.array(translation) / 1000, atol=1e-5)


@pytest.mark.parametrize("trailing", ["", " ", "   \t"])
def test_trailing_spaces_do_not_matter(trailing, tmp_path):
    cameras = read_text(
        written(tmp_path, trailing=trailing, lenses={0: (1497.693, 1497.103, 1024.704, 1051.394)}, names=[0])
    )
    assert cameras["0"].intrinsics.cy == 1051.394
    # The last number of the third row of the extrinsic matrix, and of the size.
    np.testing.assert_allclose(-np.array(m.PLACES[0][0]) @ cameras["0"].centre * 1000, m.PLACES[0][1], atol=0.01)
    assert (cameras["0"].intrinsics.width, cameras["0"].intrinsics.height) == (2048, 2048)


def test_windows_line_ends_do_not_matter(tmp_path):
    path = written(tmp_path)
    before = read_text(path)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_text(path) == before


def test_image_height_that_lost_a_digit_is_refused(tmp_path):
    # What slicing the line by columns makes of "2048 2048".
    with pytest.raises(ArchiveError, match=r"camera 0: .*1051\.39 in an image of 2048 x 204: no camera has these"):
        read_text(written(tmp_path, size="2048 204"))


def test_the_published_numbers_are_those_of_the_file(tmp_path):
    cameras = read_text(written(tmp_path))
    assert differences(cameras, mpi_inf_3dhp_train_cameras()) == []


def test_other_numbers_are_named(tmp_path):
    lenses = list(m.LENSES)
    lenses[8] = (1500.5, *lenses[8][1:])
    cameras = read_text(written(tmp_path, lenses=lenses, names=[0, 8]))
    assert differences(cameras, mpi_inf_3dhp_train_cameras()) == ["8"]


def test_another_place_is_named(tmp_path):
    cameras = read_text(written(tmp_path, places={**m.PLACES, 1: m.PLACES[0]}))
    assert differences(cameras, mpi_inf_3dhp_train_cameras()) == ["1"]


def test_margipose_s_stand_in_has_no_place(tmp_path):
    path = m.write_fake_calibration(tmp_path / "camera.calibration", w.TS5_CAMERA, (1920, 1080))
    archive = open_archive(path)
    assert is_calibration(archive)
    camera = read_calibration(archive)["0"]
    assert tuple(vars(camera.intrinsics).values()) == pytest.approx((*w.TS5_CAMERA, 1920, 1080))
    assert (camera.rotation, camera.centre) == (None, None)


FAULTS = {
    "number missing": (lambda text: text.replace("1497.693 0 ", "1497.693 ", 1), "intrinsic has 15 values"),
    "no number": (lambda text: text.replace("1497.693", "f", 1), "intrinsic has 16 values, expected 16 numbers"),
    "not finite": (lambda text: text.replace("1497.693", "nan", 1), "expected 16 numbers"),
    "no size": (lambda text: text.replace("  size", "  sighs", 1), "size has 0 values"),
    "no camera": (lambda text: text.splitlines()[0], "no camera in it"),
    "cut off": (lambda text: text[: text.rindex("extrinsic") + 60], "extrinsic has"),
}


@pytest.mark.parametrize(("change", "said"), FAULTS.values(), ids=FAULTS)
def test_files_that_lack_something(change, said, tmp_path):
    path = written(tmp_path)
    path.write_text(change(path.read_text()))
    with pytest.raises(DamagedArchiveError, match=said):
        read_text(path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [("0.9650164", "9.650164", "no rotation"), ("1497.693", "-1497.693", "no camera has these")],
)
def test_numbers_that_no_camera_has(old, new, said, tmp_path):
    path = written(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ArchiveError, match=rf"^camera\.calibration: camera 0: .*{said}"):
        read_text(path)


def test_mirrored_rotation(tmp_path):
    path = written(tmp_path, names=[0])
    text = path.read_text().replace("0.9650164 0.00488022 0.262144", "-0.9650164 -0.00488022 -0.262144")
    path.write_text(text)
    with pytest.raises(ArchiveError, match="no rotation"):
        read_text(path)


def test_other_text_is_no_calibration(tmp_path):
    (tmp_path / "results.json").write_text('{"name": 0}')
    np.save(tmp_path / "numbers.npy", np.zeros(3))
    assert not is_calibration(open_archive(tmp_path / "results.json"))
    assert not is_calibration(open_archive(tmp_path / "numbers.npy"))
