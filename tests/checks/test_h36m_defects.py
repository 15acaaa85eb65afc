from poseda_cli.checks.h36m_defects import h36m_problems
from poseda_cli.dataset import Sequence


def problems(*names, cameras=("54138969", "55011271")):
    sequences = [Sequence(subject, action, camera, 0, 1) for subject, action in names for camera in cameras]
    return {code: (severity, message) for code, severity, message in h36m_problems(sequences)}


def test_sound_sequences_have_no_defects():
    assert problems(("S1", "Directions"), ("S9", "Greeting 1"), ("S9", "SittingDown"), ("S11", "Directions 1")) == {}
    assert problems() == {}


def test_drifting_sequences_of_s9_are_named_once():
    found = problems(("S9", "Greeting"), ("S9", "Waiting 1"), ("S9", "SittingDown 1"), ("S9", "Waiting"))
    severity, message = found["s9-damaged"]
    assert severity == "note"
    assert message.startswith("S9 Greeting, S9 Waiting 1, S9 SittingDown 1: ")


def test_same_names_of_other_subjects_do_not_drift():
    assert "s9-damaged" not in problems(("S11", "Greeting"), ("S1", "Waiting 1"))


def test_directions_of_s11():
    assert problems(("S11", "Directions"))["s11-directions"][0] == "note"


def test_subjects_filmed_1002_high():
    severity, message = problems(("S7", "Walking"), ("S1", "Walking"), ("S4", "Walking"))["image-height"]
    assert severity == "note"
    assert message.startswith("S7, S4: ")
