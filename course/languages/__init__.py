"""The course in other languages than English, and what keeps them from drifting apart.

`lesson.zh-TW.md` beside `lesson.md` is the same page in Traditional Chinese, `exercises.zh-TW.toml`
the cards, `misconceptions.zh-TW.toml` the sentences of misconceptions. Each section, card and
sentence records the hash of the English one that it translates.
"""
