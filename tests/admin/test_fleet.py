"""What is told of a proxy before anything has happened to it."""

from corsproxy.admin.fleet import Facts, ReloadOutcome


def test_before_the_first_reload_there_was_none() -> None:
    facts = Facts(started_at=1.0, loaded_at=1.0, generation=1)
    assert (facts.reloads_succeeded, facts.reloads_failed, facts.last_reload) == (0, 0, None)


def test_a_reload_is_good_where_nothing_is_said_of_it() -> None:
    outcome = ReloadOutcome(at=1.0)
    assert (outcome.problems, outcome.waits_for_restart) == ((), ())
