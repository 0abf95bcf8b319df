from __future__ import annotations

from itertools import product

import pytest

from core.lifecycle import IN_ROOM, MOVES, OPEN, IllegalMove, SessionState, move

S = SessionState


@pytest.mark.parametrize(("now", "to"), list(product(SessionState, SessionState)))
def test_exactly_the_listed_moves_are_possible(now: SessionState, to: SessionState) -> None:
    if to in MOVES[now]:
        assert move(now, to) is to
    else:
        with pytest.raises(IllegalMove):
            move(now, to)


def test_every_state_can_be_left_for_the_end_and_the_end_for_nothing() -> None:
    for state in OPEN:
        assert S.ENDED in MOVES[state], state
    assert MOVES[S.ENDED] == frozenset()


def test_every_state_can_be_reached() -> None:
    reached, news = set(), {S.SCHEDULED}
    while news:
        reached |= news
        news = {to for state in news for to in MOVES[state]} - reached
    assert reached == set(SessionState)


@pytest.mark.serves("V27")
def test_who_is_attended_can_go_back_to_his_place() -> None:
    assert S.WAITING in MOVES[S.ACTIVE]
    assert S.WAITING in MOVES[S.INTERRUPTED]
    assert IN_ROOM < OPEN
