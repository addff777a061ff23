"""The lock of an engine: reentrant, and everybody in the order of asking."""

import threading

from waiting import until

from vas_tool.engines.fair_lock import FairLock, waiting_seconds
from vas_tool.session.jobs import WAITING_SECONDS, Job, JobStatus

TIMEOUT_SECONDS = 30


def wait_until_waiting(turns: FairLock, count: int) -> None:
    until(lambda: turns.num_waiting >= count)


def test_a_long_run_lets_others_in_between_its_steps() -> None:
    turns, order = FairLock(), []
    begun = threading.Event()

    def run() -> None:
        for step in range(5):
            with turns:
                order.append(f"step {step}")
                if step == 0:
                    begun.set()
                    wait_until_waiting(turns, 2)  # the click and the look below

    def person(name: str) -> None:
        with turns:
            order.append(name)

    runner = threading.Thread(target=run)
    runner.start()
    assert begun.wait(TIMEOUT_SECONDS)
    people = []
    for count, name in enumerate(("click", "look"), start=1):
        people.append(threading.Thread(target=person, args=(name,)))
        people[-1].start()
        if count < 2:  # the runner alone waits for the second one: it goes on at once, and two observers would race
            wait_until_waiting(turns, count)
    for thread in (runner, *people):
        thread.join(TIMEOUT_SECONDS)
    assert order == ["step 0", "click", "look", "step 1", "step 2", "step 3", "step 4"]


def test_the_same_thread_may_take_it_again() -> None:
    turns = FairLock()
    with turns, turns:
        pass
    other = threading.Thread(target=lambda: turns.__enter__().__exit__(None, None, None))
    other.start()
    other.join(TIMEOUT_SECONDS)
    assert not other.is_alive()


def test_an_error_gives_it_back() -> None:
    turns = FairLock()
    try:
        with turns:
            raise ValueError
    except ValueError:
        pass
    with turns:
        assert turns.num_waiting == 0


def test_a_job_that_waits_says_so() -> None:
    turns, job = FairLock(), Job(JobStatus("track", 1, "modal masks"))

    def work(progress: object) -> None:
        with turns:
            pass

    with turns:
        job.start(work)
        wait_until_waiting(turns, 1)
        assert not job.now.waiting, "too early to say"
        job.wait(WAITING_SECONDS + 0.05)
        assert job.now.waiting
    job.wait(TIMEOUT_SECONDS)
    assert job.now.finished and not job.now.waiting
    assert waiting_seconds(None) == waiting_seconds(threading.get_ident()) == 0
