from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from poseda_cli.clips import Clips, ClipSurvey, directions_of, measure_motion, moved_roots, tangents_of
from poseda_cli.dataset import Sequence

# fx, fy, cx, cy, width, height
CAMERA = np.array([1500.0, 1490.0, 1020.0, 1030.0, 2048.0, 2048.0])


def sequences(lengths):
    starts = np.cumsum([0, *lengths])
    return [Sequence("S1", f"{n}", "c", int(starts[n]), length) for n, length in enumerate(lengths)]


LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=6)


# Which frames


@given(lengths=LENGTHS, frames=st.one_of(st.none(), st.integers(1, 70)))
def test_clips_cut_each_sequence_from_its_start(lengths, frames):
    expected, row = [], 0
    for length in lengths:
        left = length
        while left:
            taken = min(left, frames or left)
            expected.append((row, row + taken))
            row, left = row + taken, left - taken
    clips = Clips.of(sequences(lengths), frames)
    assert len(clips) == len(expected)
    assert [clips.rows(number, number + 1) for number in range(len(clips))] == expected
    middles = [first + (stop - first - 1) // 2 for first, stop in expected]
    assert clips.middles.tolist() == middles


@given(lengths=LENGTHS, frames=st.integers(1, 70), data=st.data())
def test_the_clips_of_some_rows(lengths, frames, data):
    clips = Clips.of(sequences(lengths), frames)
    whole = [number for number in range(len(clips)) for _ in range(*clips.rows(number, number + 1))]
    start = data.draw(st.integers(0, sum(lengths)))
    stop = data.draw(st.integers(start, sum(lengths)))
    assert clips.numbers(start, stop).tolist() == whole[start:stop]
    first, last = clips.between(start, stop)
    assert list(range(first, last)) == sorted(set(whole[start:stop]))


def test_empty_sequences_have_no_clip():
    assert Clips.of(sequences([3, 0, 2]), None).starts.tolist() == [0, 3, 5]
    assert len(Clips.of([], 5)) == 0


# Motion, one clip at a time in plain words


def wander(rng, frames, scale=1.0):
    """(frames, 3) a path some metres before a camera."""
    steps = rng.normal(scale=0.05 * scale, size=(frames, 3))
    return (np.array([0, 0, 5]) + steps.cumsum(axis=0)).astype(np.float32)


def case(seed, lengths, frames, scale=1.0):
    rng = np.random.default_rng(seed)
    clips = Clips.of(sequences(lengths), frames)
    count, total = len(clips), sum(lengths)
    roots = np.concatenate([wander(rng, length, scale) for length in lengths]).T
    reaches = -rng.uniform(0.1, 0.7, total).astype(np.float32)
    root_px = rng.uniform(100, 1900, (count, 2))
    depths = rng.uniform(1.5, 6, count).astype(np.float32)
    return clips, roots, reaches, root_px, depths


def survey(clips, roots, reaches, root_px, depths, cuts=(), valid=None):
    """Motions of all clips, their frames gone through in chunks."""
    count, total = len(clips), roots.shape[1]
    valid = np.ones(total, bool) if valid is None else valid
    boxes = np.concatenate([np.full((count, 2), 300.0), root_px], axis=1)
    directions = directions_of(boxes, np.tile(CAMERA[:4], (count, 1)))
    tangents = tangents_of(np.tile(CAMERA, (count, 1)), directions)
    going = ClipSurvey(clips, 0, count)
    ends = [0, *sorted(cuts), total]
    for start, stop in pairwise(ends):
        rows, numbers = slice(start, stop), clips.numbers(start, stop)
        measures = measure_motion(roots[:, rows], reaches[rows], tangents[:, numbers])
        going.add(start, measures, roots[:, rows], depths[numbers], valid[rows])
    return going.motions(tangents, directions)


def image_of(points):
    fx, fy, cx, cy = CAMERA[:4]
    return np.stack([fx * points[0] / points[2] + cx, fy * points[1] / points[2] + cy])


def is_allowed(path, reaches, root_px, still, slack):
    """Whether a path (3, T) stays in the picture, with the target's root in it or not, and far enough away."""
    if (path[2] <= 0).any() or path[2].min() + reaches.min() < still / 2 - slack / 1000:
        return False
    low, high = np.minimum(0, root_px) - slack, np.maximum(CAMERA[4:], root_px) + slack
    image = image_of(path).T
    return bool((low <= image).all() and (image <= high).all())


def greatest_factor(place, motion, reaches, root_px, slack):
    """The greatest factor up to 1 with which a clip stays in view, give or take `slack` pixels and millimetres."""
    still = place[2] + reaches.min()
    low, high = 0.0, 1.0
    if is_allowed(place[:, None] + motion, reaches, root_px, still, slack):
        return high
    for _ in range(25):
        factor = (low + high) / 2
        allowed = is_allowed(place[:, None] + factor * motion, reaches, root_px, still, slack)
        low, high = (factor, high) if allowed else (low, factor)
    return low


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    lengths=LENGTHS,
    frames=st.one_of(st.none(), st.integers(1, 70)),
    scale=st.floats(0.1, 8),
)
def test_the_middle_frame_stands_at_its_target_and_no_jump_is_larger_than_in_the_source(seed, lengths, frames, scale):
    clips, roots, reaches, root_px, depths = case(seed, lengths, frames, scale)
    motions = survey(clips, roots, reaches, root_px, depths)
    moved = moved_roots(roots, motions, clips.numbers(0, roots.shape[1]))
    assert moved.dtype == np.float32
    for number in range(len(clips)):
        rows = np.arange(*clips.rows(number, number + 1))
        path, source = moved[:, rows].astype(float), roots[:, rows].astype(float)
        middle = (len(rows) - 1) // 2
        np.testing.assert_allclose(path[2, middle], depths[number], rtol=1e-6)
        np.testing.assert_allclose(image_of(path[:, [middle]])[:, 0], root_px[number], atol=2e-3)
        jumps, before = (np.linalg.norm(np.diff(p, axis=1), axis=0) for p in (path, source))
        factor = motions.factors[number]
        assert 0 <= factor <= 1
        np.testing.assert_allclose(jumps, factor * before, atol=5e-6)


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(0, 2**32),
    lengths=LENGTHS,
    frames=st.one_of(st.none(), st.integers(1, 70)),
    scale=st.floats(0.1, 8),
    outside=st.sampled_from([(0, 0), (2048, 0), (-2048, 0), (0, 2048), (0, -2048)]),
)
def test_the_factor_is_the_greatest_that_keeps_the_clip_in_view(seed, lengths, frames, scale, outside):
    clips, roots, reaches, root_px, depths = case(seed, lengths, frames, scale)
    root_px += outside
    motions = survey(clips, roots, reaches, root_px, depths)
    for number in range(min(len(clips), 6)):
        rows = slice(*clips.rows(number, number + 1))
        source, reach = roots[:, rows].astype(float), reaches[rows].astype(float)
        u, v = (root_px[number] - CAMERA[2:4]) / CAMERA[:2]
        place = np.array([u, v, 1]) * float(depths[number])
        motion = source - source[:, [(source.shape[1] - 1) // 2]]
        strict, lenient = (greatest_factor(place, motion, reach, root_px[number], slack) for slack in (-0.02, 0.02))
        assert strict - 1e-6 <= motions.factors[number] <= lenient + 1e-6


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32),
    lengths=LENGTHS,
    frames=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 360), max_size=8),
)
def test_chunks_do_not_show(seed, lengths, frames, cuts):
    clips, roots, reaches, root_px, depths = case(seed, lengths, frames, 3)
    valid = np.random.default_rng(seed).random(roots.shape[1]) > 0.3
    cuts = [min(cut, roots.shape[1]) for cut in cuts]
    whole = survey(clips, roots, reaches, root_px, depths, valid=valid)
    parts = survey(clips, roots, reaches, root_px, depths, cuts, valid)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one, other)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), lengths=LENGTHS, frames=st.integers(1, 70))
def test_a_shard_needs_its_own_clips_alone(seed, lengths, frames):
    clips, roots, reaches, root_px, depths = case(seed, lengths, frames, 3)
    total = roots.shape[1]
    whole = survey(clips, roots, reaches, root_px, depths)
    first, last = clips.between(total // 3, total // 2 + 1)
    start, stop = clips.rows(first, last)
    boxes = np.concatenate([np.ones((last - first, 2)), root_px[first:last]], axis=1)
    directions = directions_of(boxes, np.tile(CAMERA[:4], (last - first, 1)))
    tangents = tangents_of(np.tile(CAMERA, (last - first, 1)), directions)
    going, numbers = ClipSurvey(clips, first, last), clips.numbers(start, stop)
    measures = measure_motion(roots[:, start:stop], reaches[start:stop], tangents[:, numbers - first])
    going.add(start, measures, roots[:, start:stop], depths[numbers], np.ones(stop - start, bool))
    for one, other in zip(going.motions(tangents, directions), whole, strict=True):
        np.testing.assert_array_equal(one, other[..., first:last])


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**32), length=st.integers(1, 60), share=st.floats(0.05, 1))
def test_the_valid_frame_nearest_to_the_middle_is_taken(seed, length, share):
    clips, roots, reaches, root_px, depths = case(seed, [length], None, 0.01)
    valid = np.random.default_rng(seed).random(length) < share
    assume(valid.any())
    broken = np.where(valid, roots, np.nan).astype(np.float32)
    motions = survey(clips, broken, reaches, root_px, depths, valid=valid)
    order = sorted(range(length), key=lambda row: (abs(row - (length - 1) // 2), row))
    chosen = next(row for row in order if valid[row])
    np.testing.assert_array_equal(motions.middles[:, 0], roots[:, chosen])


def test_a_motion_that_stays_in_view_is_kept_whole():
    clips, roots, reaches, root_px, depths = case(0, [243], None, 0.2)
    root_px[:] = 1024
    motions = survey(clips, roots, reaches, root_px, depths)
    assert motions.factors.tolist() == [1]
    moved = moved_roots(roots, motions, clips.numbers(0, 243))
    np.testing.assert_allclose(np.diff(moved, axis=1), np.diff(roots, axis=1), atol=2e-6)


def test_cases_computed_by_hand():
    # Seen with f = 1000 in 1000 x 1000 pixels; the target stands in the middle of the picture, 4 m away.
    camera = np.array([[1000.0, 1000.0, 500.0, 500.0, 1000.0, 1000.0]])
    directions = directions_of(np.array([[100.0, 100, 500, 500]]), camera[:, :4])
    tangents = tangents_of(camera, directions)
    np.testing.assert_allclose(tangents[:, 0], [-0.5, 0.5, -0.5, 0.5])

    def factor(first, last, reach=-0.5, depth=4.0):
        clips = Clips(np.array([0, 3]))
        roots = np.array([first, (0, 0, 5), last], np.float32).T
        reaches = np.array([0, 0, reach], np.float32)
        going = ClipSurvey(clips, 0, 1)
        measures = measure_motion(roots, reaches, tangents[:, [0, 0, 0]])
        going.add(0, measures, roots, np.full(3, depth), np.ones(3, bool))
        return going.motions(tangents, directions)

    # 2 m to each side are in view at 4 m; of 4 m to the right half is.
    assert factor((-2, 0, 5), (2, 0, 5)).factors[0] == 1
    assert factor((-2, 0, 5), (4, 0, 5)).factors[0] == pytest.approx(0.5)
    assert factor((0, -8, 5), (0, 0, 5)).factors[0] == pytest.approx(0.25)
    # Away and to the right: x = 6 k meets half of z = 4 + 4 k at k = 0.5.
    assert factor((0, 0, 5), (6, 0, 9)).factors[0] == pytest.approx(0.5)
    # Nearer: the nearest joint is at 3.5 m without motion, and may come to 1.75 m; the motion is 3.5 m.
    assert factor((0, 0, 5), (0, 0, 1.5)).factors[0] == pytest.approx(0.5)
    # A joint 4.5 m before its root is behind the camera even without motion.
    lost = factor((0, 0, 5), (0, 0, 5), reach=-4.5)
    assert np.isnan(lost.places).all()
    assert np.isnan(moved_roots(np.zeros((3, 1), np.float32), lost, np.zeros(1, int))).all()
    # A middle frame that has no depth.
    assert np.isnan(factor((0, 0, 5), (0, 0, 5), depth=np.nan).places).all()


@pytest.mark.parametrize(("axis", "side"), [(0, 1), (0, -1), (1, 1), (1, -1)])
def test_outside_of_the_picture_a_motion_may_go_inwards(axis, side):
    # The target is seen at x / z = 1 (or y, or on the other side), where the picture ends at 0.5.
    camera = np.array([[1000.0, 1000.0, 500.0, 500.0, 1000.0, 1000.0]])
    root_px = np.array([500.0, 500.0])
    root_px[axis] += side * 1000
    directions = directions_of(np.array([[100.0, 100, *root_px]]), camera[:, :4])
    tangents = tangents_of(camera, directions)

    def factor(aside, ahead):
        roots = np.array([(0, 0, 5), (0, 0, 5 + ahead)], np.float32).T
        roots[axis, 1] = side * aside
        going = ClipSurvey(Clips(np.array([0, 2])), 0, 1)
        measures = measure_motion(roots, np.zeros(2, np.float32), tangents[:, [0, 0]])
        going.add(0, measures, roots, np.full(2, 4.0), np.ones(2, bool))
        return going.motions(tangents, directions).factors[0]

    # From 4 / 4 to 6 / 7, nearer to the picture; and to 6 / 5, farther from it.
    assert factor(2, 3) == 1
    assert factor(2, 1) == 0


def test_a_clip_without_a_valid_frame_has_no_place():
    clips, roots, reaches, root_px, depths = case(0, [5, 5], None)
    valid = np.arange(10) < 5
    motions = survey(clips, roots, reaches, root_px, depths, valid=valid)
    assert np.isnan(motions.places).all(0).tolist() == [False, True]
