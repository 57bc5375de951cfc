"""Titles that the search box finds: by the words themselves, by pinyin and by its initials."""

from functools import lru_cache
from typing import Any, cast

import pandas as pd
from pypinyin import Style, lazy_pinyin


@lru_cache(maxsize=200_000)
def pinyin(title: str) -> tuple[str, str]:
    """Pinyin without tones or spaces and the initials, lower case; other characters stay as they are."""
    syllables = lazy_pinyin(title, style=Style.NORMAL, errors=cast(Any, list))
    words = [syllable.strip().lower() for syllable in syllables if syllable.strip()]
    return "".join(words), "".join(word[0] for word in words)


def pinyin_columns(titles: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Pinyin and initials of a column of titles."""
    pairs = [pinyin(title) for title in titles]
    return (
        pd.Series([whole for whole, _ in pairs], dtype="str"),
        pd.Series([first for _, first in pairs], dtype="str"),
    )
