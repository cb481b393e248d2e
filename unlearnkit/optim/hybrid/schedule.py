"""Which kind of block is on: two kinds in turn, counted back from the end of a run if that is known."""

from __future__ import annotations

from dataclasses import dataclass

from unlearnkit.errors import BadInput, require_fraction, require_integer, require_one_of

ENDS = ("second", "first")
BLOCK = 20  # the example of 2510.00761


@dataclass(frozen=True)
class Schedule:
    """Blocks of a first and of a second kind in turn.

    Attributes
    ----------
    first, second : int
        Steps of a block of either kind.
    ends_on : {"second", "first"}
        Which kind comes last; a cycle starts with the other one.
    end : int
        The number of steps of the whole run, 0 if it is not known. Then a whole block of `ends_on` has just
        ended after it, and what does not fill a cycle lengthens the very first block.

    Examples
    --------
    >>> schedule = Schedule(first=2, second=1, end=7)
    >>> "".join("F" if schedule.in_first(step) else "S" for step in range(7))
    'FFFSFFS'
    """

    first: int
    second: int
    ends_on: str = "second"
    end: int = 0

    @property
    def blocks(self) -> tuple[int, int]:
        """Steps of the blocks of a cycle, in their order."""
        return (self.first, self.second) if self.ends_on == "second" else (self.second, self.first)

    @property
    def cycle(self) -> int:
        """Steps of one block of each kind."""
        return self.first + self.second

    def in_first(self, step: int) -> bool:
        """Whether a step, counted from 0, belongs to a block of the first kind."""
        return self.block(step)[0]

    def block(self, step: int) -> tuple[bool, int]:
        """Whether a step is in a block of the first kind, and how many of that kind ended before it."""
        last = self.end or self.cycle
        early, late = self._fitting_blocks(last)
        begins = last % (early + late)  # steps before the first whole cycle lengthen its first block
        number, place = divmod(max(step - begins, 0), early + late)
        in_late = step >= begins and place >= early
        return in_late == (self.ends_on == "first"), number

    def begins_block(self, step: int) -> bool:
        """Whether a step is the first one of its block."""
        return step == 0 or self.block(step) != self.block(step - 1)

    def _fitting_blocks(self, last: int) -> tuple[int, int]:
        """The blocks of a cycle in their order; a run shorter than a cycle gets shorter ones."""
        if last >= self.cycle:
            return self.blocks
        early = max(1, last * self.blocks[0] // self.cycle) if last > 1 else 0
        return early, last - early


def plan(
    *,
    block: int | None = None,
    second_block: int | None = None,
    period: int | None = None,
    ratio: float | None = None,
    ends_on: str = "second",
) -> Schedule:
    """Make a schedule from the lengths of its blocks, or from a cycle's and the second kind's share of it.

    Raises
    ------
    BadInput
        For lengths that make no sense, a share that leaves one kind without a step, and both ways at once.

    Examples
    --------
    >>> plan(period=40, ratio=0.25) == plan(block=30, second_block=10)
    True
    """
    require_one_of("ends_on", ends_on, ENDS)
    if period is None and ratio is None:
        block = BLOCK if block is None else block
        second_block = block if second_block is None else second_block
        require_integer("block", block, minimum=1)
        require_integer("second_block", second_block, minimum=1)
        return Schedule(block, second_block, ends_on)
    if block is not None or second_block is not None:
        raise BadInput(
            "block and second_block say the steps of each block, period and ratio say the same in another "
            f"way, but block={block}, second_block={second_block}, period={period}, ratio={ratio} were "
            "given; leave one pair out"
        )
    return _shared_out(2 * BLOCK if period is None else period, 0.5 if ratio is None else ratio, ends_on)


def _shared_out(period: int, ratio: float, ends_on: str) -> Schedule:
    require_integer("period", period, minimum=2)
    require_fraction("ratio", ratio)
    second = round(period * ratio)
    if not 0 < second < period:
        raise BadInput(
            f"ratio: a share of {ratio} of a period of {period} steps is {second} steps of the second kind "
            f"and {period - second} of the first, but each needs one; give a longer period"
        )
    return Schedule(period - second, second, ends_on)
