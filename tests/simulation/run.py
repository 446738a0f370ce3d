"""One seed, from nothing to the end."""

import asyncio
from random import Random

from tests.simulation.clock import VirtualClock
from tests.simulation.judgement import end
from tests.simulation.scene import draw_scene, scaled_down
from tests.simulation.world import World

__all__ = ["play"]

_SHOWN = 40


def play(seed: int, trace: list[str] | None = None) -> list[str]:
    """Play a seed; return its trace. What breaks a law is raised, with the end of the trace and how to see it again."""
    trace = [] if trace is None else trace
    with scaled_down(), asyncio.Runner(loop_factory=VirtualClock) as runner:
        try:
            runner.run(_play(seed, trace))
        except Exception as broken:
            broken.add_note("\n".join(line[:300] for line in trace[-_SHOWN:]))
            broken.add_note(f"Alone: python -m tests.simulation --seeds 1 --from {seed} --trace")
            raise
    return trace


async def _play(seed: int, trace: list[str]) -> None:
    random = Random(seed)
    world = World(draw_scene(random), random, trace)
    await world.begin()
    for _ in range(world.scene.steps):
        await world.step()
    await end(world)
