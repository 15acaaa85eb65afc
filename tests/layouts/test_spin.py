import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, InputError, UnknownLayoutError
from poseda_cli.layouts import read

from . import writers as w
from . import writers_npz as n


def problems(dataset):
    return {problem.code: problem.message for problem in dataset.origin.problems}


def notes(dataset):
    return " ".join(dataset.origin.notes)


def h36m_24():
    """Parts and space of Human3.6M as SPIN stores them, 64 rows."""
    rows = list(n.h36m_rows())
    pixels, space = (n.spin_24(np.concatenate([row[i] for row in rows]), n.SPIN_OF_H36M17) for i in (2, 1))
    return pixels, space


@pytest.mark.parametrize("relative", [True, False])
def test_root_relative_or_absolute_is_seen_in_the_pelvis(relative, tmp_path):
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), n.SPIN_OF_H36M17, relative=relative)
    found = read(tmp_path / "h36m.npz")
    assert found.absolute != relative
    assert found.origin.stored.frame == ("root-relative" if relative else "camera")
    assert (found.poses_3d[:, 0] == 0).all() == relative
    assert ("unchecked" in notes(found)) == relative
    assert ("12 of 12 sequences" in notes(found)) != relative


def test_some_relative_and_some_not(tmp_path):
    _, space = h36m_24()
    space[:10, :, :3] -= space[:10, 14:15, :3]
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), n.SPIN_OF_H36M17, S=space)
    with pytest.raises(ArchiveError, match=r"S: the root is the origin in 10 of 64 poses only"):
        read(tmp_path / "h36m.npz")


def test_one_archive_relative_and_one_not(tmp_path):
    world = w.known_world()
    for subject, relative in (("S1", True), ("S9", False)):
        rows = n.h36m_rows({subject: world[subject]})
        n.write_spin(tmp_path / f"{subject}.npz", rows, n.SPIN_OF_H36M17, relative=relative)
    with pytest.raises(InputError, match=r"S1\.npz: 3D is relative to the root here"):
        read(tmp_path)


def test_images_of_ts5_and_ts6_are_smaller(tmp_path):
    rows = list(n.mpi_test_rows())
    rows += [(("TS6", "Seq1", "TS6"), *rest) for key, *rest in rows if key[0] == "TS5"]
    n.write_spin(tmp_path / "mpi_inf_3dhp_valid.npz", rows, n.SPIN_OF_MPI17, metres=0.001)
    sizes = {c.name: (c.intrinsics.width, c.intrinsics.height) for c in read(tmp_path).cameras}
    assert sizes == {"TS1": (2048, 2048), "TS2": (2048, 2048), "TS5": (1920, 1080), "TS6": (1920, 1080)}


def test_test_set_is_said_to_be_univ_annot3_and_training_set_not(tmp_path):
    n.write_spin(tmp_path / "valid.npz", n.mpi_test_rows(), n.SPIN_OF_MPI17, metres=0.001)
    n.write_spin(tmp_path / "train.npz", n.mpi_train_rows(), n.SPIN_OF_MPI17, metres=0.001)
    rows = sum(len(row[1]) for row in n.mpi_test_rows())
    assert f"3D of {rows} poses of the test set is univ_annot3" in problems(read(tmp_path / "valid.npz"))["univ-annot3"]
    assert "univ-annot3" not in problems(read(tmp_path / "train.npz"))


def test_absolute_test_set_shows_which_of_the_two_it_has(tmp_path):
    scaled = [(key, w.universal(seen), pixels, numbers) for key, seen, pixels, numbers in n.mpi_test_rows()]
    for name, rows in (("annot3", n.mpi_test_rows()), ("univ", scaled)):
        n.write_spin(tmp_path / f"{name}.npz", rows, n.SPIN_OF_MPI17, metres=0.001, relative=False)
    assert problems(read(tmp_path / "annot3.npz")) == {}
    assert "does not project" in problems(read(tmp_path / "univ.npz"))["univ-annot3"]


def test_joints_that_both_data_sets_leave_empty_are_not_read(tmp_path):
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), n.SPIN_OF_H36M17)
    found = read(tmp_path / "h36m.npz")
    assert len(found.skeleton) == 17 and found.origin.stored.skeleton.name == "spin24"
    assert found.visible.all() and np.isfinite(found.poses_3d).all()


def test_a_joint_that_is_not_annotated_is_no_point_at_the_origin(tmp_path):
    pixels, space = h36m_24()
    space[..., :3] -= space[:, 14:15, :3]
    space[4, 7], pixels[5, 7] = 0, 0  # right elbow
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), n.SPIN_OF_H36M17, S=space, part=pixels)
    found = read(tmp_path / "h36m.npz")
    elbow = 15
    assert np.argwhere(np.isnan(found.poses_3d).any(-1)).tolist() == [[4, elbow]]
    assert np.argwhere(np.isnan(found.poses_2d).any(-1)).tolist() == [[5, elbow]]
    assert np.argwhere(~found.visible).tolist() == [[5, elbow]]


def test_a_flag_alone_hides_no_coordinates(tmp_path):
    pixels, _ = h36m_24()
    pixels[5, 7, 2] = 0
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), n.SPIN_OF_H36M17, part=pixels)
    found = read(tmp_path / "h36m.npz")
    assert np.isfinite(found.poses_2d).all() and not found.visible[5, 15]


def test_images_in_the_order_of_the_file_system(tmp_path, rng):
    """SPIN's script gives poses in order the names of images out of order: the names are wrong."""
    rows = list(n.mpi_train_rows(40))
    misnamed = [(key, seen, pixels, rng.permutation(numbers)) for key, seen, pixels, numbers in rows]
    n.write_spin(tmp_path / "train.npz", misnamed, n.SPIN_OF_MPI17, metres=0.001)
    found = read(tmp_path / "train.npz")
    relative = np.concatenate([seen - seen[:, 14:15] for _, seen, *_ in rows]) / 1000
    np.testing.assert_allclose(found.poses_3d, relative, atol=1e-5)
    assert "Order kept" in problems(found)["frame-order"]


def test_shuffled_rows_are_put_in_order(tmp_path, rng):
    rows = list(n.mpi_train_rows(40))
    shuffled = []
    for key, seen, pixels, numbers in rows:
        order = rng.permutation(len(seen))
        shuffled.append((key, seen[order], pixels[order], numbers[order]))
    n.write_spin(tmp_path / "train.npz", shuffled, n.SPIN_OF_MPI17, metres=0.001)
    found = read(tmp_path / "train.npz")
    relative = np.concatenate([seen - seen[:, 14:15] for _, seen, *_ in rows]) / 1000
    np.testing.assert_allclose(found.poses_3d, relative, atol=1e-5)
    assert "sorted by frame number" in problems(found)["frame-order"]


def test_members_that_only_spin_uses_are_left_alone(tmp_path):
    rows = list(n.h36m_rows())
    more = {
        "openpose": np.zeros((64, 25, 3)),
        "pose": np.zeros((64, 72)),
        "has_smpl": np.ones(64),
        "gender": ["m"] * 64,
    }
    n.write_spin(tmp_path / "plain.npz", rows, n.SPIN_OF_H36M17)
    n.write_spin(tmp_path / "more.npz", rows, n.SPIN_OF_H36M17, **more)
    np.testing.assert_array_equal(read(tmp_path / "more.npz").poses_3d, read(tmp_path / "plain.npz").poses_3d)


def test_training_and_evaluation_sets_have_not_the_same_members(tmp_path):
    world = w.known_world()
    n.write_spin(tmp_path / "h36m_train.npz", n.h36m_rows({"S1": world["S1"]}), n.SPIN_OF_H36M17)
    n.write_spin(
        tmp_path / "h36m_valid_protocol1.npz", n.h36m_rows({"S9": world["S9"]}), n.SPIN_OF_H36M17, with_2d=False
    )
    with pytest.raises(InputError, match=r"h36m_valid_protocol1\.npz: no part, which the others have"):
        read(tmp_path)


def test_both_protocols_hold_the_same_sequences(tmp_path):
    for protocol, cameras in ((1, w.CAMERAS), (2, ["60457274"])):
        rows = [row for row in n.h36m_rows() if row[0][2] in cameras]
        n.write_spin(tmp_path / f"h36m_valid_protocol{protocol}.npz", rows, n.SPIN_OF_H36M17, with_2d=False)
    with pytest.raises(InputError, match="S9 Walking 1 60457274, .* is in more than one of them"):
        read(tmp_path)


def test_both_data_sets_must_be_read_apart(tmp_path):
    n.write_spin(tmp_path / "h36m_train.npz", n.h36m_rows(), n.SPIN_OF_H36M17)
    n.write_spin(tmp_path / "mpi_inf_3dhp_train.npz", n.mpi_train_rows(), n.SPIN_OF_MPI17, metres=0.001)
    with pytest.raises(InputError, match="Read them apart"):
        read(tmp_path)


def test_spin_s_archives_of_other_data_sets(tmp_path):
    names = np.array([f"images/im{row:04d}.jpg" for row in range(64)])
    n.write_spin(tmp_path / "lsp.npz", n.h36m_rows(), n.SPIN_OF_H36M17, S=None)
    with pytest.raises(UnknownLayoutError, match="spin: lacks S: it names images, but has no 3D poses"):
        read(tmp_path / "lsp.npz")
    n.write_spin(tmp_path / "mpii3d.npz", n.h36m_rows(), n.SPIN_OF_H36M17, imgname=names)
    with pytest.raises(ArchiveError, match=r"row 0 is 'images/im0000\.jpg', which names no subject"):
        read(tmp_path / "mpii3d.npz")


LEFT_FIRST = [14, 3, 4, 5, 2, 1, 0, 16, 12, 17, 18, 9, 10, 11, 8, 7, 6]
WRONG = {
    "millimetres": (n.SPIN_OF_H36M17, {"metres": 1000.0}, "thighs measure .* in mm, this layout has them in m"),
    "left leg for right": (LEFT_FIRST, {}, "left leg first"),
    "pelvis elsewhere": ([15, *n.SPIN_OF_H36M17[1:7], 14, *n.SPIN_OF_H36M17[8:]], {}, "not in the order of spin24"),
}


@pytest.mark.parametrize(("joints", "changes", "said"), WRONG.values(), ids=WRONG)
def test_content_that_is_not_what_the_layout_says(joints, changes, said, tmp_path):
    n.write_spin(tmp_path / "h36m.npz", n.h36m_rows(), joints, **changes)
    with pytest.raises(ArchiveError, match=rf"^h36m\.npz: S: .*{said}"):
        read(tmp_path / "h36m.npz")


def test_world_axes_about_the_root(tmp_path):
    turned = [(key, seen[..., [0, 2, 1]] * [1, 1, -1], pixels, f) for key, seen, pixels, f in n.h36m_rows()]
    n.write_spin(tmp_path / "with.npz", turned, n.SPIN_OF_H36M17)
    n.write_spin(tmp_path / "without.npz", turned, n.SPIN_OF_H36M17, with_2d=False)
    for name, said in (("with", "3D and 2D correlate by"), ("without", "heads are off feet by")):
        with pytest.raises(ArchiveError, match=f"{said} .* not in camera space"):
            read(tmp_path / f"{name}.npz")
