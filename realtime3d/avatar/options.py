"""What a run sends, as plain data, and the senders made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from realtime3d.avatar.base import WhichFace
from realtime3d.avatar.calibration import Calibration
from realtime3d.avatar.choose import SCHEMES, chosen, parse
from realtime3d.avatar.learning import Learner, What
from realtime3d.avatar.livelink import shaped_values
from realtime3d.avatar.sender import Sender
from realtime3d.avatar.targets import Targets
from realtime3d.clock import Pacer
from realtime3d.errors import UsageError
from realtime3d.sinks.base import Sink
from realtime3d.sinks.livelink_csv import Values

MOST_RATE = 1000.0
Frames: TypeAlias = Callable[[Iterable[Any]], Iterable[Any]]


@dataclass(frozen=True, slots=True)
class SendOptions:
    """Targets and how they are fed. Can be pickled and sent to another machine."""

    targets: tuple[str, ...] = ()  # URLs, see `choose.SCHEMES`; those of the calibration file come on top
    rate: float | None = None  # at most so many frames a second; None: as the calibration says
    face: WhichFace = None  # an id, "all", or the lowest id
    calibration: Path | None = None  # a TOML file
    swap_sides: bool = False  # left and right change places: a puppet that moves as a mirror does
    learn: What | None = None  # from the first two seconds; kept in `calibration`, which may be a new file then
    action_units: bool = False  # our own messages also get FACS's intensities,
    emotions: bool = False  # and what seven emotions a face looks like
    pace: float = 1.0  # a film is sent at its own times so many times as fast; 0: as fast as can be

    @classmethod
    def of(cls, send: SendOptions | str | Iterable[str]) -> SendOptions:
        """From one URL, or several."""
        if isinstance(send, SendOptions):
            return send
        return cls((send,) if isinstance(send, str) else tuple(send))

    @property
    def needs_pace(self) -> bool:
        """Whether somebody watches a clock: a pipe does not."""
        return self.pace > 0 and any(url != "-" for url in self.all_targets())

    @property
    def shapes(self) -> bool:
        """Whether what files hold is shaped, too: where that was asked for."""
        return self.calibration is not None or self.swap_sides

    def check(self) -> None:
        """UsageError where something cannot be meant."""
        self.rules()
        for url in self.all_targets():
            chosen(parse(url))
        if self.rate is not None and not 0 < self.rate <= MOST_RATE:
            raise UsageError(f"--rate {self.rate:g}: write a number of frames a second up to {MOST_RATE:g}")
        if not 0 <= self.pace <= MOST_RATE:
            raise UsageError(
                f"--pace {self.pace:g}: write 1 for the film's own times, 2 for twice as fast, 0 for at once"
            )

    def rules(self) -> Calibration:
        """The calibration with the options laid over it."""
        new = self.calibration is None or (self.learn is not None and not self.calibration.exists())
        rules = Calibration() if new or self.calibration is None else Calibration.read(self.calibration)
        if self.swap_sides:
            rules = replace(rules, send=replace(rules.send, swap_sides=True))
        return rules

    def neutral(self) -> Mapping[str, float] | None:
        """The person's own neutral face in the calibration file, by weight; None where nothing is known."""
        if self.calibration is None or self.learn is not None:
            return None
        return {name: rule.neutral for name, rule in self.rules().rules().items() if rule.neutral > 0} or None

    def all_targets(self) -> tuple[str, ...]:
        """Those named here and those of the calibration file, each once."""
        return tuple(dict.fromkeys((*self.targets, *self.rules().send.targets)))


class Sending:
    """What a run sends: a sender for each target, and the rules that they share."""

    def __init__(self, options: SendOptions, *, zero_ns: int = 0, live: bool = False) -> None:
        """`zero_ns` and `live` are the source's. Nothing is opened: senders are sinks."""
        options.check()
        self.options, self.live, self._zero_ns = options, live, zero_ns
        self.learner = Learner(options.rules(), options.calibration)
        if options.learn is not None:
            self.learner.learn(options.learn)
        self._targets: Targets | None = None
        self._fixed = [self.sender(url) for url in options.all_targets()]

    @property
    def senders(self) -> list[Sender]:
        """Those of now."""
        return [target.sender for target in self._targets.all] if self._targets else self._fixed

    @property
    def sinks(self) -> list[Sink]:
        """What a run writes to."""
        return [self._targets] if self._targets else list(self._fixed)

    def choose(self, urls: Iterable[str]) -> Targets:
        """Targets that come and go, instead of those of the options; before the run begins."""
        self._targets = Targets(self.sender, urls)
        return self._targets

    def sender(self, url: str) -> Sender:
        """Of one target, with the rules that all share."""
        target, options = parse(url), self.options
        rate = options.rate if options.rate is not None else self.learner.calibration.send.rate
        scheme = SCHEMES[target.scheme]
        line, protocol = scheme.make(target, options)
        return Sender(
            line,
            protocol,
            learner=self.learner,
            face=options.face,
            rate=max(rate, scheme.least_rate) if rate else 0.0,
            only=chosen(target),
            zero_ns=self._zero_ns,
            live=self.live,
        )

    def paced(self, until: Frames, *, watched: bool = False) -> Frames:
        """The same frames, a film's at the film's own times, for who watches an avatar, or is `watched` otherwise."""
        wanted = watched or self.options.needs_pace
        pacer = Pacer(0.0 if self.live or not wanted else self.options.pace)
        return lambda items: until(pacer.paced(items))

    def take(self, zero_ns: int) -> Values | None:
        """What a take of Live Link Face holds where values are shaped; None: what was measured."""
        return shaped_values(self.learner, self.options.face, zero_ns) if self.options.shapes else None

    def facts(self) -> Mapping[str, Any]:
        """Where values went and how they were shaped, as far as a run knows from its start: for its sidecar."""
        if not self.senders and not self.options.shapes:
            return {}
        rules = self.learner.calibration.to_toml()
        return {"sent": {"targets": [sender.name for sender in self.senders], "calibration": rules}}

    def lines(self) -> list[str]:
        """One for each target: how old pictures were, what was learned."""
        lines = [t.line for t in self._targets.all] if self._targets else [s.summary for s in self._fixed]
        return [*lines, self.learner.message] if lines and self.learner.message else lines
