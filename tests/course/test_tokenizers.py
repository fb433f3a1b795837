"""Our tokenizers, BLEU and chrF beside the libraries that everyone uses; broken files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from course.overlay import Choice, Overlay, make_bundle
from course.paths import find_project
from course.registry import load_registry

SENTENCES = (
    "Zürich, 東京 🙂!  x\n\n  'll I'll WE'LL 123 4½ 1234567 don't\u00a0\u2003a\u0085b\x1c c  ",
    "",
    " ",
    "a",
    "\n\n\n \t",
    "e\u0301 é <end> <|x|>end>",
    "def f(x):\n    return x**2  # it's 3,5 %",
    "ffi ﬁ Ⅷ ٣ ๓ \ufeff",
)


@pytest.fixture(scope="module")
def ours() -> Iterator[None]:
    project = find_project()
    bundle = make_bundle(project, load_registry(project), Choice(project.solutions))
    with Overlay(bundle, project.state / "cache" / "code").activate():
        yield


def corpus() -> list[str]:
    from pydoc_data.topics import topics

    return [*(topics[name] for name in sorted(topics)[:200]), "Zürich 東京 " * 9]


def byte_level(cut: Any, **options: Any) -> Tokenizer:
    """A tokenizer of the library, trained on the corpus."""
    tokenizer = Tokenizer(models.BPE(**options))
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=900,
        special_tokens=["<end>", "<|x|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        min_frequency=2,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False)
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
CUTS = {
    "GPT-2": GPT2,
    "Llama 3": pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(LLAMA3), "isolated", invert=False), BYTES]
    ),
    "SmolLM": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), GPT2]),
}


def test_the_same_merges(ours: None) -> None:
    """On the same corpus, to the last of them."""
    from tinymlx.text.tokenizer import ByteLevelTokenizer

    theirs = byte_level(GPT2)
    told = json.loads(theirs.to_str())["model"]
    found = ByteLevelTokenizer.learned(corpus(), 900, ["<end>", "<|x|>"], "<end>")
    assert [list(pair) for pair in found.ranks] == told["merges"]
    assert {**found.special, **found.vocabulary} == told["vocab"]


@pytest.mark.parametrize("name", CUTS)
def test_the_same_numbers(ours: None, tmp_path: Path, name: str) -> None:
    """Files of the library, read by ours: numbers, and the text again."""
    from tinymlx.text.tokenizer import load_tokenizer

    theirs = byte_level(CUTS[name])
    if name == "Llama 3":
        theirs.normalizer = normalizers.NFC()
    theirs.save(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(tmp_path)
    assert found.size == theirs.get_vocab_size()
    for text in SENTENCES:
        numbers = theirs.encode(text).ids
        assert found.encode(text) == numbers, text
        assert found.decode(numbers) == theirs.decode(numbers, skip_special_tokens=False)


def test_a_whole_piece_first(ours: None, tmp_path: Path) -> None:
    """Llama 3 takes a piece that is a token, even where merges lead elsewhere."""
    from tinymlx.text.tokenizer import load_tokenizer

    theirs = byte_level(GPT2)
    told = json.loads(theirs.to_str())
    told["model"]["vocab"]["Ġxyz"] = 900
    told["model"]["ignore_merges"] = True
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(tmp_path)
    assert found.encode("a xyz") == theirs.encode("a xyz").ids
    assert found.encode("a xyz")[-1] == 900


def test_two_files(ours: None, tmp_path: Path) -> None:
    """vocab.json with merges.txt."""
    from tinymlx.text.tokenizer import load_tokenizer

    theirs = byte_level(GPT2)
    theirs.model.save(str(tmp_path))
    (tmp_path / "tokenizer_config.json").write_text("{}")
    found = load_tokenizer(tmp_path)
    for text in SENTENCES[:5]:
        assert found.encode(text) == theirs.encode(text).ids
    assert found.eos is None


@pytest.mark.parametrize("old", [True, False], ids=["normalizer", "metaspace"])
def test_whole_sentences(ours: None, tmp_path: Path, old: bool) -> None:
    """The way of the first Llama: spaces as marks, bytes for what is unknown."""
    from tinymlx.text.tokenizer import load_tokenizer

    model = models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True)
    theirs = Tokenizer(model)
    theirs.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))],
        show_progress=False,
        max_token_length=12,
        limit_alphabet=90,
    )
    theirs.train_from_iterator([line for t in corpus()[:60] for line in t.split("\n")], trainer)
    told = json.loads(theirs.to_str())
    told["added_tokens"] = told["added_tokens"][:3]
    if old:
        told["pre_tokenizer"] = None
        mark = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
        steps = [{"type": "Prepend", "prepend": "\u2581"}, mark]
        told["normalizer"] = {"type": "Sequence", "normalizers": steps}
    (tmp_path / "tokenizer.json").write_text(json.dumps(told))
    (tmp_path / "tokenizer_config.json").write_text('{"eos_token": {"content": "</s>"}}')
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    found = load_tokenizer(tmp_path)
    assert found.eos == 2
    for text in ("This is a word.", "Zürich 東京 🙂  two", "a</s>b c", " a", "a", ""):
        numbers = theirs.encode(text).ids
        assert found.encode(text) == numbers, text
    for text in ("This is a word.", "Zürich 東京 🙂  two", *([" a"] if old else [])):
        assert found.decode(found.encode(text)) == text


def test_word_pieces(ours: None) -> None:
    from tinymlx.text.tokenizer import longest_pieces

    vocabulary = {w: i for i, w in enumerate("[UNK] un ##aff ##able aff ##a b ##b a".split())}
    theirs = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    for word in ("unaffable", "aff", "unb", "ba", "x", "unx", "b", "a" * 101, "bbbab"):
        assert longest_pieces(word, vocabulary) == theirs.encode(word).tokens
    assert longest_pieces("", vocabulary) == []


BROKEN = {
    "nothing": ({}, "There is no tokenizer in"),
    "half": ({"vocab.json": "{}"}, "There is no tokenizer in"),
    "no JSON": ({"tokenizer.json": "{"}, "is no JSON file"),
    "a list": ({"tokenizer.json": "[]"}, "of the kind None"),
    "another kind": ({"tokenizer.json": '{"model": {"type": "Unigram"}}'}, "of the kind Unigram"),
    "no vocabulary": (
        {"tokenizer.json": '{"model": {"type": "BPE", "vocab": ["a"], "merges": []}}'},
        "no vocabulary",
    ),
    "a merge of three": (
        {"tokenizer.json": '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b c"]}}'},
        "no pair of tokens",
    ),
    "characters": (
        {
            "tokenizer.json": '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, '
            '"pre_tokenizer": {"type": "Whitespace"}}'
        },
        "does not have",
    ),
    **{
        name: (
            {"tokenizer.json": '{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ' + rest},
            "another form",
        )
        for name, rest in {
            "no merges": "null}}",
            "special tokens without a name": '[]}, "added_tokens": [{}]}',
            "special tokens that are a number": '[]}, "added_tokens": 7}',
            "cut by a text": '[]}, "pre_tokenizer": "x"}',
            "cut by nothing": '[]}, "pre_tokenizer": {"a": 1}}',
        }.items()
    },
    "numbers below 0": ({"vocab.json": '{"a": -1}', "merges.txt": ""}, "no vocabulary"),
    "an end of another form": (
        {"vocab.json": '{"a": 0}', "merges.txt": "", "tokenizer_config.json": "[]"},
        "another form",
    ),
    "lines": ({"vocab.json": '{"a": 0}', "merges.txt": "#version\na\n"}, "no pair of tokens"),
    "no such end": (
        {
            "vocab.json": '{"a": 0}',
            "merges.txt": "",
            "tokenizer_config.json": '{"eos_token": "</s>"}',
        },
        "no token of the tokenizer",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(ours: None, tmp_path: Path, name: str) -> None:
    """One sentence each."""
    from tinymlx.text.tokenizer import load_tokenizer

    files, words = BROKEN[name]
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    with pytest.raises(ValueError, match=words) as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_no_translations(ours: None) -> None:
    from tinymlx.text.bleu import bleu
    from tinymlx.text.chrf import chrf

    for measure in (bleu, chrf):
        with pytest.raises(ValueError, match="0 translations need one reference each"):
            measure([], [])


def test_bleu_and_chrf(ours: None) -> None:
    """Beside sacreBLEU: texts that are right, wrong, short, long, empty, with signs and digits."""
    import random

    from tinymlx.text.bleu import bleu
    from tinymlx.text.chrf import chrf

    draw = random.Random(0)
    vocabulary = (
        'der die Hund, läuft. (schnell) 3.5 1,000 - 4-3 "ja" & &quot; x; a/b don\'t'.split()
    )
    for _ in range(60):
        count = draw.randint(1, 6)
        references = [
            " ".join(draw.choices(vocabulary, k=draw.randint(1, 9))) for _ in range(count)
        ]
        translations = [
            " ".join(w for w in text.split() if draw.random() < 0.8) for text in references
        ]
        found, theirs = (
            bleu(translations, references),
            sacrebleu.corpus_bleu(translations, [references]),
        )
        assert found.score == pytest.approx(theirs.score, abs=1e-9)
        assert found.precisions == pytest.approx(theirs.precisions)
        assert (found.length, found.wanted) == (theirs.sys_len, theirs.ref_len)
        expected = sacrebleu.corpus_chrf(translations, [references]).score
        assert chrf(translations, references) == pytest.approx(expected, abs=1e-9)
    for translations, references in (([""], ["a b"]), (["a"], ["a b c d"]), (["x"], [""])):
        expected = sacrebleu.corpus_bleu(translations, [references]).score
        assert bleu(translations, references).score == pytest.approx(expected, abs=1e-9)
        expected = sacrebleu.corpus_chrf(translations, [references]).score
        assert chrf(translations, references) == pytest.approx(expected, abs=1e-9)
