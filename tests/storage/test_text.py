import json

import numpy as np
import pytest

from poseda_cli.errors import ArchiveError, DamagedArchiveError, ForeignFileError, UnsafeArchiveError
from poseda_cli.storage.archive import open_archive
from poseda_cli.storage.files import LocalFile
from poseda_cli.storage.limits import Limits
from poseda_cli.storage.npy import CONTENT
from poseda_cli.storage.text import TextArchive

TREE = {"images": [{"id": 1, "file_name": "é.jpg"}], "annotations": [], "numbers": [0.1, -7, 10**20, None, True]}


def written(tmp_path, data, name="labels.json"):
    (tmp_path / name).write_bytes(data)
    return tmp_path / name


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("tree", [TREE, [TREE]], ids=["object", "list"])
def test_json_is_what_was_written(tree, indent, tmp_path):
    archive = open_archive(written(tmp_path, b" \n" + json.dumps(tree, indent=indent).encode()))
    assert archive.members == {CONTENT: ((), np.dtype(object))}
    assert archive.attributes == {}
    assert archive.outline(CONTENT) == tree
    assert archive.tree(CONTENT) is archive.tree(CONTENT)
    assert archive.take_tree(CONTENT) == tree
    assert archive.tree(CONTENT) == tree


def test_json_of_other_unicode(tmp_path):
    data = json.dumps(TREE, ensure_ascii=False)
    assert open_archive(written(tmp_path, data.encode())).tree(CONTENT) == TREE


def test_calibration_is_text(tmp_path):
    text = "Skeletool Camera Calibration File V1.0\nname          0\n"
    archive = open_archive(written(tmp_path, text.encode(), "camera.calibration"))
    assert archive.tree(CONTENT) == text


@pytest.mark.parametrize(
    "data",
    [b'{"a": 1', b'{"a": }', b"[1, 2", b"[1] 2", b'{"a": "\xff"}', b'{"a": 1}\x00', b"{a: 1}", b"[1,]"],
    ids=repr,
)
def test_damaged_json(data, tmp_path):
    with pytest.raises(DamagedArchiveError, match=r"^labels\.json: no valid JSON .*fetch it again"):
        open_archive(written(tmp_path, data)).tree(CONTENT)


def test_every_truncation_is_noticed(tmp_path):
    data = json.dumps(TREE).encode()
    for length in range(1, len(data)):
        with pytest.raises(DamagedArchiveError):
            open_archive(written(tmp_path, data[:length])).tree(CONTENT)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("closed", [False, True])
def test_json_that_is_too_deep(opening, closed, tmp_path):
    levels = 200_000
    end = {b"[": b"]", b'{"a":': b"1" + b"}"}[opening]
    data = opening * levels + (end[:-1] + end[-1:] * levels if closed else b"")
    with pytest.raises(ArchiveError, match=r"^labels\.json: (JSON nested too deeply|no valid JSON)"):
        open_archive(written(tmp_path, data)).tree(CONTENT)


def test_numbers_of_too_many_digits(tmp_path):
    with pytest.raises(DamagedArchiveError, match="no valid JSON"):
        open_archive(written(tmp_path, b"[" + b"9" * 10_000 + b"]")).tree(CONTENT)


def test_calibration_that_is_not_utf_8(tmp_path):
    path = written(tmp_path, b"Skeletool Camera Calibration File V1.0\n\xff\xfe", "camera.calibration")
    with pytest.raises(DamagedArchiveError, match="no valid text"):
        open_archive(path).tree(CONTENT)


def test_size_is_limited(tmp_path):
    path = written(tmp_path, b"[" + b" " * 98 + b"]")
    assert TextArchive(LocalFile(path, "labels.json"), True, Limits(text=100)).tree(CONTENT) == []
    with pytest.raises(UnsafeArchiveError, match=r"^labels\.json: 100 bytes of text; the limit is 99 "):
        TextArchive(LocalFile(path, "labels.json"), True, Limits(text=99)).tree(CONTENT)


def test_no_arrays(tmp_path):
    with pytest.raises(ArchiveError, match="a text file, expected an array"):
        open_archive(written(tmp_path, b"[]")).array(CONTENT)


def test_other_text_is_foreign(tmp_path):
    with pytest.raises(ForeignFileError, match="not an archive that poseda reads"):
        open_archive(written(tmp_path, b"frame;x;y\n", "poses.csv"))


def test_decoded_are_the_bytes_of_the_file(tmp_path):
    (tmp_path / "people.json").write_text('[{"image_id": 1}]')
    assert open_archive(tmp_path / "people.json").decoded == 17
