"""Conversations as a chat model reads them: laid out by its tokenizer's own template, with the contents found in it.

Each content is replaced by a mark that no text holds, the template is filled in, and the contents are put where the
marks are; so a content is found where it stands, however often its words occur elsewhere. What the template itself
writes (roles, turns, a system prompt) belongs to no content.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from sparseprobe.artefacts import parse_json
from sparseprobe.errors import DataError, InputError

if TYPE_CHECKING:
    from sparseprobe.datasets.labelling.labelled_text import LabelledText
    from sparseprobe.datasets.tokenizer_record import TokenizerRecord

Position = Literal["assistant", "user", "last"]
POSITIONS: tuple[Position, ...] = get_args(Position)
"""Whose contents are read: each message of the assistant, each of the user, or only the last message."""
MESSAGES = "messages"
"""The usual name of the column."""
_MARK = re.compile("\ue0f0([0-9]+)\ue0f1")


@dataclass(frozen=True)
class ChatTemplate:
    """The chat template of a tokenizer.

    >>> template = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{{ eos_token }}{% endfor %}"
    >>> chat = ChatTemplate(template, {"eos_token": "</s>"})
    >>> chat.lay_out([{"role": "user", "content": "user"}, {"role": "assistant", "content": "Hi"}], "line 1")
    ('<user>user</s><assistant>Hi</s>', [(6, 10, 'user'), (25, 27, 'assistant')])
    """

    template: str
    special_tokens: Mapping[str, str]

    @classmethod
    def of(cls, tokenizer: TokenizerRecord) -> ChatTemplate:
        """That of a recorded tokenizer; raises `InputError` if it has none."""
        if not tokenizer.chat:
            raise InputError(
                f"the tokenizer {tokenizer.name or 'given'} has no chat template, so conversations cannot be laid out: "
                "take the tokenizer of a chat model, or a column of texts"
            )
        return cls(**json.loads(tokenizer.chat))

    def lay_out(self, given: Any, where: str) -> tuple[str, list[tuple[int, int, str]]]:
        """The text of a conversation, and start, stop and role of each content that is not empty.

        Raises `DataError` for anything but a list of role and content, and for contents that the template rewrites.
        """
        messages = _messages(given, where)
        marked = [{**one, "content": f"\ue0f0{number}\ue0f1"} for number, one in enumerate(messages)]
        pieces = _MARK.split(self._filled(marked, where))
        expected = self._filled(messages, where)
        for content_of in (str, str.strip):
            text, contents = pieces[0], []
            for number, after in zip(pieces[1::2], pieces[2::2], strict=True):
                content, role = content_of(messages[int(number)]["content"]), messages[int(number)]["role"]
                if content:
                    contents.append((len(text), len(text) + len(content), role))
                text += content + after
            if text == expected:
                return text, contents
        raise DataError(f"{where}: the chat template rewrites the contents, so they cannot be found in the text")

    def adds_system_prompt(self) -> bool:
        """Whether a conversation without a system message is given one by the template."""
        asked, user = {"role": "system", "content": "\ue0f00\ue0f1"}, {"role": "user", "content": "\ue0f01\ue0f1"}
        try:
            opening = _MARK.split(self._filled([asked, user], "the template"))[0]
            return bool(opening) and _MARK.split(self._filled([user], "the template"))[0].startswith(opening)
        except DataError:  # it takes no system message
            return False

    def parse(self, item: LabelledText, label: str, column: str, position: Position) -> list[tuple[int, int, Any]]:
        """Spans of the contents that `position` chooses, with the record's label."""
        contents = self.lay_out(item.fields[column], item.where)[1]
        chosen = contents[-1:] if position == "last" else [one for one in contents if one[2] == position]
        return [(start, stop, item.fields[label]) for start, stop, _ in chosen]

    def _filled(self, messages: list[dict[str, str]], where: str) -> str:
        from transformers.utils.chat_template_utils import render_jinja_template  # noqa: PLC0415 - takes seconds

        try:
            tokens: dict[str, Any] = dict(self.special_tokens)
            rendered = render_jinja_template([messages], chat_template=self.template, **tokens)
        except Exception as error:  # whatever the template raises for roles that it does not take
            raise DataError(f"{where}: the chat template does not take these messages: {error}") from error
        return str(rendered[0][0])


def _messages(given: Any, where: str) -> list[dict[str, str]]:
    listed = parse_json(given) if isinstance(given, str) and given.lstrip().startswith("[") else given
    listed = listed.tolist() if hasattr(listed, "tolist") else listed
    whole = isinstance(listed, Sequence) and not isinstance(listed, str) and len(listed) > 0
    if not whole or not all(
        isinstance(one, Mapping) and isinstance(one.get("role"), str) and isinstance(one.get("content"), str)
        for one in listed
    ):
        raise DataError(f"{where} holds no conversation: it is a list such as [{{'role': 'user', 'content': 'Hi'}}]")
    return [{"role": one["role"], "content": one["content"]} for one in listed]
