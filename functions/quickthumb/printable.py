"""Text from outside, made safe to show: on one line, of bounded length, as a terminal prints it."""

_MOST = 500


def printable(text: object, most: int = _MOST) -> str:
    r"""Return a text with everything that does not print as itself written as an escape.

    That is what Unicode calls "other" or "separator", but for the space: newlines and further
    control characters (a terminal obeys those of C1 too), marks that change the direction of
    writing, other invisible ones, and lone surrogates, which no encoding takes. They become `\n`,
    `\x1b`, `\u202e`, as Python writes them.

    Args:
        text: any text; of what is none, its `str`.
        most: characters that are kept. Of a longer text the middle is left out.
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
