import hashlib

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, UnknownLayoutError
from poseda_cli.layouts import LAYOUTS, layout_module, read, recognise
from poseda_cli.storage.archive import open_archive

from . import cases_2d, cases_3dhp, cases_h36m, cases_npz
from . import writers as w
from .writers import Known


def h1(folder):
    w.write_h1(folder / "data_3d_h36m.npz")
    world = w.known_world()
    sequences = [(s, a, c, len(p)) for s, actions in world.items() for a, p in actions.items() for c in w.CAMERAS]
    seen = [w.h36m_view(world[s][a][:, w.H36M17_OF_32], s, c) for s, a, c, _ in sequences]
    lenses = {name: (*lens, *size) for name, (lens, _, _, size) in w.H36M_LENSES.items()}
    return Known("videopose3d", "h36m", w.H36M_JOINTS, sequences, np.concatenate(seen), None, lenses)


def h2(folder):
    known = h1(folder)
    (folder / "data_3d_h36m.npz").unlink()
    w.write_h2(folder / "data_2d_h36m_gt.npz")
    views = w.known_views()
    pixels = [views[s][a][w.CAMERAS.index(c)] for s, a, c, _ in known.sequences]
    return known._replace(poses_3d=None, poses_2d=np.concatenate(pixels))


def d3(folder):
    parts, sequences = [], []
    for index, name in enumerate(("TS1", "TS2", "TS5")):
        seen = w.mpi_view(8 + index, seed=index)
        valid = w.alternating(len(seen)) == 1
        w.write_d3(folder / name / "annot_data.mat", seen, w.MPI_LENSES[name], valid)
        parts.append((seen[valid] / 1000, w.mpi_pixels(seen, w.MPI_LENSES[name])[valid]))
        sequences.append((name, "Seq1", name, int(valid.sum())))
    return mpi_known("mpi-inf-3dhp-test", sequences, parts)


def d4_test(kind):
    def write(folder):
        known = w.write_d4_test(folder / "data_test_3dhp.npz", kind)
        sequences = [(name, "Seq1", name, len(three)) for name, (three, _) in known.items()]
        return mpi_known("pstmo", sequences, [(three / 1000, two) for three, two in known.values()])

    return write


def d4_train(kind):
    def write(folder):
        known = w.write_d4_train(folder / "data_train_3dhp.npz", kind)
        sequences = [(*key, len(three)) for key, (three, _) in known.items()]
        return mpi_known("pstmo", sequences, [(three / 1000, two) for three, two in known.values()])

    return write


def mpi_known(layout, sequences, parts):
    sizes = {"TS5": (1920, 1080)}
    lenses = {**w.MPI_LENSES, "0": w.CAMERA_0, "8": w.CAMERA_8}
    cameras = {c: (*lenses[c], *sizes.get(c, (2048, 2048))) for _, _, c, _ in sequences}
    three, two = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Known(layout, "mpi_inf_3dhp", w.MPI_JOINTS, sequences, three, two, cameras)


def poseda(folder):
    poses, pixels = w.write_poseda(folder / "augmented.h5")
    pixels[3:] = np.nan  # nobody can tell pixels of a screen whose size is not known
    sequences = [("S1", "Walking 1", "TS5", 3), ("S1", "Séance", "web", 2)]
    lenses = {"TS5": (*w.TS5_CAMERA, 1920, 1080), "web": None}
    return Known("poseda", None, w.H36M_JOINTS, sequences, poses, pixels, lenses)


WRITERS = {
    "H1": h1,
    "H2": h2,
    "D3": d3,
    "D4 test, annot3": d4_test("annot3"),
    "D4 test, univ_annot3": d4_test("univ_annot3"),
    "D4 train, annot3": d4_train("annot3"),
    "D4 train, univ_annot3": d4_train("univ_annot3"),
    "poseda": poseda,
    **cases_h36m.CASES,
    **cases_3dhp.CASES,
    **cases_npz.CASES,
    **cases_2d.CASES,
}


@pytest.fixture(params=WRITERS.values(), ids=WRITERS)
def case(request, tmp_path):
    return tmp_path, request.param(tmp_path)


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def checksums(folder):
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}


def test_every_layout_has_a_case(tmp_path):
    found = set()
    for name, write in WRITERS.items():
        (tmp_path / name).mkdir()
        found.add(write(tmp_path / name).layout)
    assert found == set(LAYOUTS)


def test_recognised_as_itself_and_nothing_else(case):
    folder, known = case
    for path in files(folder):
        archive = open_archive(path)
        assert recognise(archive) == known.layout
        for other in set(LAYOUTS) - {known.layout}:
            assert isinstance(layout_module(other).refusal(archive), str)


def test_refused_under_another_name(case):
    folder, known = case
    for other in set(LAYOUTS) - {known.layout}:
        with pytest.raises(UnknownLayoutError, match=other):
            read(files(folder)[0], layout=other)


@pytest.mark.parametrize("by_name", [False, True])
def test_gives_what_was_written(case, by_name):
    folder, known = case
    found = read(folder, layout=known.layout if by_name else None)
    assert list(found.skeleton.joints) == known.joints
    assert [(s.subject, s.action, s.camera, s.length) for s in found.sequences] == known.sequences
    starts = np.cumsum([0, *(length for *_, length in known.sequences)])
    assert [sequence.start for sequence in found.sequences] == starts[:-1].tolist()
    assert len(found) == starts[-1]
    assert found.absolute == known.absolute
    for poses, expected, tolerance in (
        (found.poses_3d, known.poses_3d, 1e-5),
        (found.poses_2d, known.poses_2d, 2e-3),
    ):
        if expected is None:
            assert poses is None
        else:
            assert poses.dtype == np.float32
            np.testing.assert_allclose(poses, expected, rtol=0, atol=tolerance)


def test_each_row_has_the_camera_of_its_sequence(case):
    folder, known = case
    found = read(folder)
    for sequence in found.sequences:
        rows = found.camera[sequence.start : sequence.start + sequence.length]
        camera = found.cameras[rows[0]]
        assert (rows == rows[0]).all()
        assert camera.name == sequence.camera
        lens = camera.intrinsics and tuple(vars(camera.intrinsics).values())
        expected = known.lenses[sequence.camera]
        assert lens == (expected if expected is None else pytest.approx(expected, abs=0.005))


def test_people_stand_upright_before_the_camera(case):
    folder, known = case
    found = read(folder)
    position = found.skeleton.position
    poses = found.poses_2d if known.poses_3d is None else found.poses_3d
    assert (poses[:, position["Head"], 1] < poses[:, position["RFoot"], 1]).all()
    assert known.poses_3d is None or not known.absolute or (poses[..., 2] > 0.5).all()


def test_origin_names_the_files_without_their_place(case):
    folder, known = case
    origin = read(folder).origin
    assert (origin.layout, origin.dataset) == (known.layout, known.dataset)
    assert {file.name: file.sha256 for file in origin.files} == {
        str(path.relative_to(folder.parent)): checksum for path, checksum in checksums(folder).items()
    }


def test_reading_leaves_the_files_alone(case):
    folder, _ = case
    before = checksums(folder), [path.stat().st_mtime_ns for path in files(folder)]
    read(folder)
    assert before == (checksums(folder), [path.stat().st_mtime_ns for path in files(folder)])


def test_reading_twice_gives_the_same(case):
    folder, _ = case
    first, second = read(folder), read(folder)
    for name in ("poses_3d", "poses_2d", "camera", "rows"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert first.origin == second.origin


def test_half_a_file_is_refused(case):
    folder, _ = case
    for path in files(folder):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArchiveError, match="etch it again"):
        read(folder)
