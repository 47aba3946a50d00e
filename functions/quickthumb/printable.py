"""Makes untrusted text safe to print: on one line, with limited length and no control codes."""

_MOST = 500


def printable(text: object, most: int = _MOST) -> str:
    r"""Return a text with unprintable characters escaped.

    These are the Unicode categories "other" and "separator" except the space: control characters
    (terminals obey C1 too), bidirectional marks, invisible characters, and lone surrogates, which
    cannot be encoded. They become `\n`, `\x1b`, `\u202e`, as in Python.

    Args:
        text: any text; other values are converted with `str`.
        most: maximum number of characters; the middle of a longer text is left out.
    """
    shown = _text(text)
    if len(shown) > most:
        kept = most // 2
        left_out = f" [{len(shown) - 2 * kept:,} characters left out] "
        shown = shown[:kept] + left_out + shown[len(shown) - kept :]
    if shown.isprintable():
        return shown
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in shown
    )


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # whatever a foreign `__str__` may raise
        return f"<{type(value).__name__} that cannot be shown: {type(error).__name__}>"
