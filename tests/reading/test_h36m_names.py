import json

import pytest

from poseda_cli.dataset import Sequence
from poseda_cli.errors import ArchiveError, InputError
from poseda_cli.reading.h36m_names import (
    CAMERAS,
    by_ids,
    by_subaction,
    canonical,
    only_once,
    place_of,
    subject_in,
    unlisted,
    view_in,
)
from poseda_cli.storage.files import LocalFile


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Directions 1", "Directions 1"),
        ("Directions_1", "Directions 1"),
        ("Directions", "Directions"),
        ("TakingPhoto", "Photo"),
        ("TakingPhoto_1", "Photo 1"),
        ("WalkingDog 1", "WalkDog 1"),
        ("WalkingTogether", "WalkTogether"),
        ("WalkDog_1", "WalkDog 1"),
        ("Walking", "Walking"),
        ("Photo 1", "Photo 1"),
    ],
)
def test_canonical_names(raw, name):
    assert canonical(raw) == name


# From the literature: MotionBERT leaves out the last three for their drift.
KNOWN = {
    ("S1", 2, 1): "Directions 1",
    ("S1", 2, 2): "Directions",
    ("S5", 2, 1): "Directions 1",
    ("S5", 2, 2): "Directions 2",
    ("S5", 10, 1): "SittingDown",
    ("S11", 2, 2): "Directions",
    ("S9", 5, 2): "Greeting",
    ("S9", 10, 2): "SittingDown 1",
    ("S9", 13, 1): "Waiting 1",
}


@pytest.mark.parametrize(("ids", "name"), KNOWN.items())
def test_names_by_ids(ids, name):
    assert by_ids(*ids) == name


def test_photo_and_walkdog_are_numbered_by_their_long_names():
    assert by_ids("S1", 12, 1).startswith("Photo")
    assert by_ids("S1", 15, 1).startswith("WalkDog")


@pytest.mark.parametrize("ids", [("S1", 1, 1), ("S1", 17, 1), ("S1", 2, 3), ("S12", 2, 1)])
def test_ids_that_the_release_does_not_have(ids):
    assert by_ids(*ids) is None


def test_names_by_subaction():
    assert by_subaction("S1", "TakingPhoto", 1) == by_ids("S1", 12, 1)
    assert by_subaction("S9", "SittingDown", 2) == "SittingDown 1"
    assert by_subaction("S5", "Directions", 2) == "Directions 2"
    assert by_subaction("S1", "Walking", 1) == by_ids("S1", 14, 1)
    assert by_subaction("S1", "Jumping", 1) is None
    # Not the names that merely begin alike.
    assert by_subaction("S1", "Sitting", 1).split(" ")[0] == "Sitting"


def test_all_sequences_of_the_reference(shared_data):
    reference = json.loads((shared_data.parent / "reference" / "h36m_sequences.json").read_text())["subjects"]
    seen = 0
    for subject, sequences in reference.items():
        for name, row in sequences.items():
            assert by_ids(subject, row["action"], row["subaction"]) == name
            assert canonical(row["raw_name"]) == name
            seen += 1
    assert seen == 30 * len(reference)


@pytest.mark.parametrize(
    ("base", "view"),
    [
        ("Directions_1.54138969.h5", ("Directions 1", "54138969")),
        ("Directions 1.h5", ("Directions 1", None)),
        ("WalkingDog.60457274.cdf", ("WalkDog", "60457274")),
        ("TakingPhoto 1.cdf.mat", ("Photo 1", None)),
        ("Walking.54138969.h5-sh", ("Walking", "54138969")),
    ],
)
def test_action_and_camera_of_a_file_name(base, view):
    assert view_in(base) == view


def test_subject_is_the_innermost_folder():
    assert subject_in(["data", "S9", "S1", "MyPoses"]) == "S1"
    assert subject_in(["S12", "S0", "s1"]) is None


class Placed:
    def __init__(self, folder, base):
        self.file = LocalFile(folder / base, base)
        self.name = base


def test_place_of_a_file(tmp_path):
    assert place_of(Placed(tmp_path / "S11" / "D3", "TakingPhoto.54138969.cdf")) == ("S11", "Photo", "54138969")
    with pytest.raises(ArchiveError, match="lies in no folder S1 to S11"):
        place_of(Placed(tmp_path / "X", "Walking.cdf"))
    with pytest.raises(ArchiveError, match="camera 12345678; Human3.6M has 54138969"):
        place_of(Placed(tmp_path / "S1", "Walking.12345678.cdf"))
    assert CAMERAS == ("54138969", "55011271", "58860488", "60457274")


def test_sequences_that_the_release_does_not_have():
    known = [Sequence("S1", "Walking 1", "54138969", 0, 1), Sequence("S5", "Directions 2", "54138969", 1, 1)]
    assert unlisted(known) == []
    ((code, severity, message),) = unlisted([*known, Sequence("S1", "Jumping", "54138969", 2, 1)])
    assert (code, severity) == ("unknown-sequence", "warning")
    assert message.startswith("S1 Jumping: the release has no")


def test_one_sequence_in_two_archives(tmp_path):
    one, other = Placed(tmp_path, "one.cdf"), Placed(tmp_path, "other.cdf")
    only_once(["S1 Walking", "S1 Eating"], [one, other])
    with pytest.raises(InputError, match=r"one\.cdf and other\.cdf are both S1 Walking"):
        only_once(["S1 Walking", "S1 Walking"], [one, other])
