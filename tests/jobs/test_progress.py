"""Progress: a living line on a terminal, few plain lines elsewhere."""

import io

from stream_app.jobs.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_elsewhere_a_plain_line_comes_now_and_then_and_one_at_the_end() -> None:
    out, clock = io.StringIO(), Clock()
    with Progress("reading", "records", 1000, stream=out, clock=clock) as progress:
        for _ in range(20):
            clock.now += 1
            progress.advance(50)
    lines = out.getvalue().splitlines()
    assert lines == [
        "reading: 500 of 1,000 records, 50/s, 10 s left",
        "reading: 1,000 of 1,000 records, 50/s, 0.0 s left",
        "reading: done, 1,000 records in 20 s, 50/s",
    ]


def test_on_a_terminal_one_line_is_written_over() -> None:
    out, clock = Terminal(), Clock()
    with Progress("reading", "records", stream=out, clock=clock) as progress:
        for _ in range(3):
            clock.now += 1
            progress.advance(10)
    assert out.getvalue().count("\n") == 1
    assert out.getvalue().count("\r") == 4


def test_a_known_fraction_tells_the_time_left_where_the_total_is_unknown() -> None:
    out, clock = io.StringIO(), Clock()
    with Progress("reading", "records", stream=out, clock=clock) as progress:
        clock.now += 30
        progress.advance(300, fraction=0.25)
    assert out.getvalue().splitlines()[0] == "reading: 300 records, 10/s, 1 min 30 s left"


def test_work_that_fails_is_stopped_not_done() -> None:
    out = io.StringIO()
    try:
        with Progress("reading", "records", stream=out) as progress:
            progress.advance(3)
            raise RuntimeError
    except RuntimeError:
        pass
    assert out.getvalue().startswith("reading: stopped, 3 records in ")
