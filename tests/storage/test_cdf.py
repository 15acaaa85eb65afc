import sys

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, MissingExtraError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.cdf import CdfArchive
from poseda_cli.storage.files import LocalFile, zipped_files
from poseda_cli.storage.limits import Limits

from ..layouts.writers_h36m import write_cdf

cdflib = pytest.importorskip("cdflib")

POSES = np.linspace(-900, 900, 7 * 96).reshape(7, 96).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    write_cdf(tmp_path / "Walking 1.cdf", POSES)
    return tmp_path / "Walking 1.cdf"


def test_variable_is_the_one_that_was_written(path):
    archive = open_archive(path)
    shape, dtype = archive.members["Pose"]
    assert (shape, dtype) == ((1, 7, 96), np.dtype(np.float32))
    np.testing.assert_array_equal(archive.array("Pose"), POSES[None])


def test_within_a_zip(path, tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "h36m.zip", "w") as archive:
        archive.write(path, "S1/Walking 1.cdf")
    (file,) = zipped_files(tmp_path / "h36m.zip", "h36m.zip")
    np.testing.assert_array_equal(open_archive(file).array("Pose"), POSES[None])


def test_size_is_limited(path):
    archive = CdfArchive(LocalFile(path, "w.cdf"), Limits(POSES.nbytes - 1))
    with pytest.raises(UnsafeArchiveError, match=r"^w\.cdf: Pose: claims [\d,]+ bytes; the limit is [\d,]+ "):
        archive.array("Pose")


def test_no_objects(path):
    for look in (open_archive(path).tree, open_archive(path).outline):
        with pytest.raises(ArchiveError, match="no pickled objects"):
            look("Pose")


def test_truncation_gives_our_errors_or_the_poses(path, tmp_path):
    data = path.read_bytes()
    refused = 0
    for length in range(4, len(data), 61):
        (tmp_path / "cut.cdf").write_bytes(data[:length])
        try:
            archive = open_archive(tmp_path / "cut.cdf")
            found = {name: archive.array(name) for name in archive.members}
        except ArchiveError as error:
            assert str(error).startswith("cut.cdf: ")
            refused += 1
        else:
            assert list(found) == ["Pose"]
            np.testing.assert_array_equal(found["Pose"], POSES[None])
    assert refused


def test_only_the_first_bytes(tmp_path):
    (tmp_path / "cut.cdf").write_bytes(b"\xcd\xf3\x00\x01\x00\x00\xff\xff" + bytes(10))
    with pytest.raises(DamagedArchiveError, match=r"^cut\.cdf: damaged CDF .*Fetch it again"):
        assert open_archive(tmp_path / "cut.cdf").members


def test_without_cdflib(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "cdflib", None)
    with pytest.raises(MissingExtraError) as caught:
        open_archive(path)
    assert str(caught.value) == ("Walking 1.cdf: a CDF file; reading it takes cdflib: pip install 'poseda[cdf]'.")
    assert caught.value.code == "missing-extra"


def test_decoded_are_the_bytes_of_all_variables(path):
    assert open_archive(path).decoded == 7 * 96 * 4
