"""Every dialogue whole, byte by byte, and cut anywhere: how bytes are cut never changes what is said."""

import pytest

from tests.proxy.conftest import Staged
from tests.proxy.dialogue import Cut, Dialogue, Replay, bytewise, cut_at, dialogues, whole
from tests.proxy.wire import RULE

DIALOGUES = list(dialogues())
each = pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue.name)


@each
@pytest.mark.parametrize("cut", [whole, bytewise])
async def test_dialogue(staged: Staged, dialogue: Dialogue, cut: Cut) -> None:
    stage = await staged(rules=(RULE,))
    await Replay(stage, await stage.connect(), cut).play(dialogue)


@each
async def test_dialogue_cut_anywhere(staged: Staged, dialogue: Dialogue) -> None:
    stage = await staged(rules=(RULE,))
    for place in range(1, dialogue.length):
        await Replay(stage, await stage.connect(), cut_at(place)).play(dialogue)
