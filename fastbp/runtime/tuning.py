"""Which of several plans a training is fastest with, as it measures while it trains: the bits are those of any.

A model of costs says which plan to begin with. What a machine does with it depends on its caches and on what else runs
on its cores, so a training of some length tries the plans that the model does not call hopeless, a few milliseconds
each, one after the other, and goes on with the fastest. It looks again when its speed changes, and from time to time.
What it has learned stays in the process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from fastbp import jit
from fastbp.runtime.plan import Plan, Task

ENABLED = os.environ.get("FASTBP_TUNE", "1") != "0" and not jit.DISABLED

BEFORE_SECONDS = 0.02
"""How long a training runs with the first plan before it tries others: a short one has nothing to gain."""

WARM_UP_SECONDS = 3e-4
"""How long a plan runs, in each of its trials, before it is timed: its memory comes into the caches."""

TRIAL_SECONDS = 6e-3
"""How long a plan is timed in a trial: as long as the system lets another process have a core."""

ROUNDS = 4
"""Trials of each plan; the slowest one of each, in which anything may have happened, does not count."""

HOPELESS = 1.3
"""From how many times the time of the fastest on, after its first trial, a plan has no further one."""

WORTHWHILE = 0.98
"""Of the time with the plan that is there another one must take less."""

CHANGED = 4 / 3
"""By which factor the time of a minibatch changes when the plans are tried again."""

WINDOW_SECONDS = 0.1
"""Over which the time of a minibatch is taken, to see whether it changes."""

AGAIN_SECONDS = (4.0, 64.0)
"""After which they are tried again, for a core that another process had may be free: from the first, doubled each time
that nothing better was found, to the last."""

REST_SECONDS = 0.5
"""After which a change counts, doubled likewise: where speeds change all the time, trials cost more than they bring."""


class Tuner:
    """Says which plan the next slice runs with, and is told how long it took.

    Parameters
    ----------
    plans : sequence of Plan
        The first is that of the model of costs.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self.best = self.plans[0]
        """The fastest, as far as is known."""
        self._trying: list[Plan] = []
        """Those that are tried in this round, the present one first."""
        self._trials: dict[Plan, list[float]] = {}
        """Seconds a minibatch, in each trial so far."""
        self._usual: float | None = None
        """Seconds a minibatch with the best one."""
        self._warm = False
        self._seconds = self._minibatches = 0.0
        """Of the trial, or of the window."""
        self._until_next, self._rest = BEFORE_SECONDS, 0.0
        """Until the plans are tried again in any case; until a change counts."""
        self._vain = 0
        """How often, one after the other, they were tried without finding a better one."""

    @property
    def trying(self) -> bool:
        """Whether plans are being tried."""
        return bool(self._trying)

    @property
    def plan(self) -> Plan:
        """For the next slice."""
        return self._trying[0] if self._trying else self.best

    def seconds(self, longest: float) -> float:
        """How long the next slice should take."""
        if not self._trying:
            return longest
        return TRIAL_SECONDS - self._seconds if self._warm else WARM_UP_SECONDS

    def note(self, minibatches: float, seconds: float) -> None:
        """So many minibatches of a slice have taken so long.

        Ctrl-C may come between any two lines here: a trial is noted before it is over, and counts twice at worst.
        """
        if minibatches <= 0:
            return
        if self._trying:
            self._note_of_trial(minibatches, seconds)
            return
        self._seconds += seconds
        self._minibatches += minibatches
        self._until_next -= seconds
        self._rest -= seconds
        if self._seconds >= WINDOW_SECONDS or self._until_next <= 0:
            now = self._seconds / max(self._minibatches, minibatches)
            self._seconds = self._minibatches = 0.0
            if self._usual is None and self._until_next > 0:
                self._usual = now
            changed = self._usual is not None and not 1 / CHANGED < now / self._usual < CHANGED
            if (changed and self._rest <= 0) or self._until_next <= 0:
                self._try_all()

    def resume(self) -> None:
        """Go on in another run, whose memory is in no cache yet."""
        self._warm = False

    def _try_all(self) -> None:
        self._trials = {}
        self._trying = [self.best, *(plan for plan in self.plans if plan != self.best)]
        self._warm = False

    def _note_of_trial(self, minibatches: float, seconds: float) -> None:
        if not self._warm:
            self._warm = True
            return
        self._seconds += seconds
        self._minibatches += minibatches
        if self._seconds < TRIAL_SECONDS / 2:
            return
        plan = self._trying[0]
        time = self._seconds / max(self._minibatches, minibatches)
        self._trials[plan] = [*self._trials.get(plan, ()), time]
        self._seconds = self._minibatches = 0.0
        self._warm = False
        self._trying = self._trying[1:]
        if not self._trying:
            self._end_round()

    def _end_round(self) -> None:
        times = {plan: self._time(trials) for plan, trials in self._trials.items()}
        if self.best not in times:
            return
        fastest = min(times.values())
        n = len(self._trials[self.best])
        left = [plan for plan, time in times.items() if plan == self.best or time <= HOPELESS * fastest]
        if n < ROUNDS and len(left) > 1:
            self._trials = {plan: self._trials[plan] for plan in left}
            self._trying = left
            return
        self._vain = min(self._vain + 1, 10)
        if fastest < WORTHWHILE * times[self.best]:
            self.best = min(times, key=lambda plan: times[plan])
            self._vain = 0
        self._usual = None  # what a trial takes says little of a long slice
        first, last = AGAIN_SECONDS
        self._until_next, self._rest = min(last, first * 2**self._vain), min(first, REST_SECONDS * 2**self._vain)

    @staticmethod
    def _time(trials: Sequence[float]) -> float:
        """Seconds a minibatch, without the slowest of several trials."""
        counting = sorted(trials)[: max(1, len(trials) - 1)]
        return sum(counting) / len(counting)

    def drop(self, plan: Plan) -> None:
        """A plan for which there is no memory."""
        self.plans = tuple(other for other in self.plans if other != plan)
        self._trying = [other for other in self._trying if other != plan]
        self._trials.pop(plan, None)
        if not self._trying and self._trials:
            self._end_round()


_known: dict[tuple[Any, ...], Tuner] = {}
"""What trainings have learned, by what they may choose from; one that is at work has it for itself."""

MOST_KNOWN = 256


def take(task: Task, plans: tuple[Plan, ...]) -> Tuner | None:
    """What is known of such trainings, for one that is about to begin, which gives it `back`; None without a choice."""
    if len(plans) == 1:
        return None
    tuner = _known.pop((task, plans), None) or Tuner(plans)
    tuner.resume()
    return tuner


def back(task: Task, plans: tuple[Plan, ...], tuner: Tuner | None) -> None:
    """Keep what has been learned."""
    if tuner is None:
        return
    while len(_known) >= MOST_KNOWN:
        _known.pop(next(iter(_known)), None)
    _known[task, plans] = tuner
