"""Conversations are laid out as the tokenizer's own template does, and only contents become examples."""

import warnings

import pytest
import transformers as hf
from tokenizers import Tokenizer, models, pre_tokenizers

from sparseprobe.datasets import load_dataset
from sparseprobe.errors import DataError, InputError, UnknownNameError

TEMPLATE = (
    "{% if messages[0]['role'] != 'system' %}<|start|> system be kind <|end|> {% endif %}"
    "{% for m in messages %}<|start|> {{ m['role'] }} {{ m['content'] | trim }} <|end|> {% endfor %}"
)
WORDS = [
    "?",
    "<|start|>",
    "<|end|>",
    "system",
    "user",
    "assistant",
    "be",
    "kind",
    "why",
    "not",
    "because",
    "I",
    "say",
    "so",
    "gut",
    "nein",
]


@pytest.fixture(scope="module")
def tokenizer():
    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="?"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="?",
        additional_special_tokens=["<|start|>", "<|end|>"],
        chat_template=TEMPLATE,
    )


def conversations(n=12):
    return [
        {
            "messages": [
                {"role": "user", "content": "user why" if number % 2 else "why not"},
                {"role": "assistant", "content": " I say so " if number % 2 else "gut"},
                {"role": "user", "content": "user"},
                {"role": "assistant", "content": "nein nein" if number % 2 else "because"},
            ],
            "label": "odd" if number % 2 else "even",
            "document": str(number),
        }
        for number in range(n)
    ]


def contents(data):
    return [
        data.tokenizer.decode(data.sequences[int(row.sequence)][row.start : row.stop].tolist()).strip()
        for row in data.examples.itertuples()
    ]


@pytest.mark.parametrize(
    ("positions", "odd", "even"),
    [
        ("assistant", {"I say so", "nein nein"}, {"gut", "because"}),
        ("user", {"user why", "user"}, {"why not", "user"}),
        ("last", {"nein nein"}, {"because"}),
    ],
)
def test_only_the_contents_that_are_asked_for(positions, odd, even, tokenizer):
    data = load_dataset("custom", source=conversations(), tokenizer=tokenizer, positions=positions)
    found = {True: set(), False: set()}
    for text, label in zip(contents(data), data.labels["odd"], strict=True):
        found[bool(label)].add(text)
    assert found == {True: odd, False: even}


def test_token_ids_are_those_of_the_template(tokenizer):
    data = load_dataset("custom", source=conversations(), tokenizer=tokenizer, positions="last")
    for row in data.examples.drop_duplicates("sequence").itertuples():
        messages = conversations()[int(row.group)]["messages"]
        expected = tokenizer.apply_chat_template(messages, tokenize=True, return_dict=False)
        assert data.sequences[int(row.sequence)].tolist() == expected


def test_saved_and_loaded(tokenizer, tmp_path):
    data = load_dataset("custom", source=conversations(), tokenizer=tokenizer, positions="last")
    data.save(tmp_path / "chat")
    assert load_dataset(tmp_path / "chat").hash() == data.hash()


def test_what_cannot_be_laid_out(tokenizer):
    def load(**changes):
        rows = [{**row, **changes} for row in conversations()]
        return load_dataset("custom", source=rows, tokenizer=tokenizer, positions="user")

    with pytest.raises(DataError, match="holds no conversation: it is a list such as"):
        load(messages="Hello")
    with pytest.raises(UnknownNameError, match="positions"):
        load_dataset("custom", source=conversations(), tokenizer=tokenizer, positions="system")
    plain = hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, unk_token="?")
    with pytest.raises(InputError, match="has no chat template, so conversations cannot be laid out"):
        load_dataset("custom", source=conversations(), tokenizer=plain, positions="user")


def test_base_text_with_a_chat_model_is_told_once(tokenizer):
    """Only where the template adds a system prompt to what is asked."""
    rows = [{"text": f"{WORDS[8 + number]} so {WORDS[5 + number]}", "label": str(number % 2)} for number in range(8)]
    open_template = "{% for m in messages %}<|start|> {{ m['role'] }} {{ m['content'] }} <|end|> {% endfor %}"
    told = {}
    for template in (TEMPLATE, open_template):
        given = hf.PreTrainedTokenizerFast(
            tokenizer_object=tokenizer.backend_tokenizer, unk_token="?", chat_template=template
        )
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter("always")
            load_dataset("custom", source=rows, tokenizer=given)
        told[template] = [one for one in found if "whose template begins with a system prompt" in str(one.message)]
    assert [len(found) for found in told.values()] == [1, 0]
