"""The story of a question for people and for scripts; the words are those of `bridges.told`.

Laws: the text has the same words with colour and without; long lines are the browsers' or the file's own and
stay whole, so that they can be searched for and pasted. The JSON is stable (docs/explain.md).
"""

from collections.abc import Iterator

import click

from corsproxy.bridges import told as words
from corsproxy.bridges.told import Told
from corsproxy.cli.problems import json_text
from corsproxy.cors.explain import Story

__all__ = ["story_as_json", "story_as_text"]


def story_as_json(told: Told) -> str:
    """Write everything for scripts."""
    return json_text(words.as_fields(told))


def story_as_text(told: Told, *, colour: bool) -> str:
    """Write everything for people."""
    story = told.story
    paragraphs = [
        _verdict(story, colour=colour),
        "\n".join(f"{name:<8}  {fact}" for name, fact in words.facts(story)),
        _checks(story, colour=colour),
        *_answers(story),
        *(f"{title}\n  {line}" for title, line in words.consoles(story)),
        _change(told, colour=colour),
        "\n".join(f"Note: {note}" for note in told.notes),
    ]
    return "\n\n".join(filter(None, paragraphs))


def _verdict(story: Story, *, colour: bool) -> str:
    word = words.verdict(story)
    if colour:
        word = click.style(word, fg="green" if story.allowed else "red", bold=True)
    return f"{word}\n  {story.why}" + (f"\n  {words.IN_REPORT_MODE}" if story.is_report else "")


def _checks(story: Story, *, colour: bool) -> str:
    written = [words.CHECKS]
    for line in story.lines:
        mark = "ok  " if line.check.passed else "FAIL"
        if colour:
            mark = click.style(mark, fg="green" if line.check.passed else "red")
        reason = "" if line.check.passed else f"  ({line.check.reason})"
        written.append(f"  {mark}  {line.text}{reason}")
    return "\n".join(written)


def _answers(story: Story) -> Iterator[str]:
    for title, fields in words.answers(story):
        yield "\n".join([title, *([f"  {name}: {value}" for name, value in fields] or ["  none"])])
    if story.actual is None:
        yield words.NO_RESPONSE


def _change(told: Told, *, colour: bool) -> str:
    mending = told.mending
    if told.story.allowed:
        return ""
    written = [click.style(words.CHANGE, bold=True) if colour else words.CHANGE]
    if mending.edit is not None:
        added = [click.style(line, fg="green") if colour else line for line in mending.edit.added]
        written += [f"  {told.file}:{words.where(mending.edit)}", *added]
    if mending.refused:
        written += [f"  {words.NO_EDIT}", *(f"  {line}" for line in words.problem_lines(mending.refused))]
    if mending.unfit:
        written.append(f"  {words.unfit(mending.unfit)}")
    if mending.page:
        written.append(f"  {mending.page}")
    return "\n".join(written)
