import threading
from contextlib import closing

import pytest

from poseda_cli.blocks import ahead


def made(items, log):
    for item in items:
        log.append(item)
        yield item


def test_same_items_in_order():
    items = [None, [], 0, "", 3]
    assert list(ahead(items)) == items
    assert list(ahead([])) == []


def test_the_next_is_made_while_one_is_used():
    asked = threading.Event()

    def items():
        yield 0
        asked.set()
        yield 1

    with closing(ahead(items())) as coming:
        assert next(coming) == 0
        assert asked.wait(10)  # nobody has asked for it here
        assert list(coming) == [1]


def test_all_are_made_on_one_other_thread():
    threads = set()

    def items():
        for _ in range(5):
            threads.add(threading.get_ident())
            yield

    list(ahead(items()))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_no_more_than_one_waits():
    log = []
    for item in ahead(made(range(20), log)):
        assert log[item] == item
        assert len(log) <= item + 2


class OwnError(Exception):
    pass


@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt, OSError])
def test_an_error_comes_where_the_item_would_have_come(error):
    def items():
        yield from (0, 1)
        raise error

    coming = ahead(items())
    assert [next(coming), next(coming)] == [0, 1]
    with pytest.raises(error):
        next(coming)


@pytest.mark.parametrize("error", [OwnError, KeyboardInterrupt])
def test_who_stops_early_leaves_no_thread_behind(error):
    before = set(threading.enumerate())
    log = []
    with pytest.raises(error), closing(ahead(made(range(1000), log))) as items:
        for item in items:
            if item == 3:
                raise error
    assert set(threading.enumerate()) == before
    assert log == [0, 1, 2, 3, 4]
