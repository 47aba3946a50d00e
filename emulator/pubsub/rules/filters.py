"""The filter language of subscriptions, parsed to predicates on a message's attributes.

https://docs.cloud.google.com/pubsub/docs/subscription-message-filter
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emulator.pubsub.rules.errors import InvalidArgument

MAX_BYTES = 256

Predicate = Callable[[Mapping[str, str]], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<symbol>!=|[=:().,-])
      | (?P<word>[A-Za-z0-9_][A-Za-z0-9_-]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = dict(zip("abfnrtv\\\"'?`", "\a\b\f\n\r\t\v\\\"'?`", strict=True))
_KEYWORDS = frozenset({"AND", "OR", "NOT"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    position: int


def parse(expression: str) -> Predicate | None:
    """Parse a filter expression.

    Returns:
        A function from attributes to whether the message is delivered; None for an empty filter,
        which matches every message.

    Raises:
        InvalidArgument: If it is too long, or has a syntax error; says where and why.
    """
    if not expression.strip():
        return None
    size = len(expression.encode())
    if size > MAX_BYTES:
        raise InvalidArgument(
            f"Invalid filter: it has {size} bytes, but the maximum is {MAX_BYTES} bytes."
        )
    return _Parser(expression).whole()


class _Parser:
    """A recursive descent parser with a method for each rule of the grammar.

    Only the text of strings starts with a quote, so no string is taken for a keyword or symbol.
    """

    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = list(self._tokenize())
        self._next = 0

    def whole(self) -> Predicate:
        predicate = self._condition()
        token = self._peek()
        if token.kind != "end":
            raise self._error("expected AND, OR or the end", token)
        return predicate

    def _condition(self) -> Predicate:
        """One term, or terms joined by AND, or terms joined by OR: never both."""
        terms = [self._term()]
        joint = self._peek().text
        while self._peek().text in ("AND", "OR"):
            token = self._take()
            if token.text != joint:
                raise self._error("put parentheses around mixed AND and OR", token)
            terms.append(self._term())
        if len(terms) == 1:
            return terms[0]
        if joint == "AND":
            return lambda attributes: all(term(attributes) for term in terms)
        return lambda attributes: any(term(attributes) for term in terms)

    def _term(self) -> Predicate:
        text = self._peek().text
        if text in ("NOT", "-"):
            self._take()
            negated = self._term()
            return lambda attributes: not negated(attributes)
        if text == "(":
            self._take()
            inner = self._condition()
            self._expect(")")
            return inner
        return self._has_prefix() if text == "hasPrefix" else self._comparison()

    def _has_prefix(self) -> Predicate:
        for text in ("hasPrefix", "(", "attributes", "."):
            self._expect(text)
        key = self._key()
        self._expect(",")
        prefix = self._string()
        self._expect(")")
        return lambda attributes: key in attributes and attributes[key].startswith(prefix)

    def _comparison(self) -> Predicate:
        self._expect("attributes")
        token = self._take()
        if token.text == ":":
            present = self._key()
            return lambda attributes: present in attributes
        if token.text != ".":
            raise self._error("expected '.' or ':' after attributes", token)
        key = self._key()
        operator = self._take()
        if operator.text not in ("=", "!="):
            raise self._error("expected '=' or '!='", operator)
        value = self._string()
        if operator.text == "=":
            return lambda attributes: attributes.get(key) == value
        # True for a message without the attribute too, as in production.
        return lambda attributes: attributes.get(key) != value

    def _key(self) -> str:
        token = self._take()
        if token.kind == "string":
            return self._unquote(token)
        if token.kind == "word" and token.text not in _KEYWORDS:
            return token.text
        raise self._error("expected an attribute key", token)

    def _string(self) -> str:
        token = self._take()
        if token.kind != "string":
            raise self._error("expected a value in double quotes", token)
        return self._unquote(token)

    def _unquote(self, token: _Token) -> str:
        def character(match: re.Match[str]) -> str:
            *codes, octal, simple = match.groups()
            for code in codes:
                if code:
                    return self._character(int(code, 16), token)
            if octal:
                return self._character(int(octal, 8), token)
            if simple not in _SIMPLE_ESCAPES:
                raise self._error(f"unknown escape sequence \\{simple}", token)
            return _SIMPLE_ESCAPES[simple]

        return _ESCAPE.sub(character, token.text[1:-1])

    def _character(self, code: int, token: _Token) -> str:
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise self._error(f"U+{code:X} is not a character", token)
        return chr(code)

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            raise self._error(f"expected '{text}'", token)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next += token.kind != "end"
        return token

    def _tokenize(self) -> list[_Token]:
        tokens = []
        position = 0
        end = len(self._expression.rstrip())
        while position < end:
            match = _TOKEN.match(self._expression, position)
            if match is None:
                bad = _Token("bad", self._expression[position:].strip(), position)
                raise self._error("invalid token", bad)
            kind = str(match.lastgroup)
            tokens.append(_Token(kind, match[kind], match.start(kind)))
            position = match.end()
        tokens.append(_Token("end", "", end))
        return tokens

    def _error(self, rule: str, token: _Token) -> InvalidArgument:
        where = f"at {token.text!r} (character {token.position})" if token.text else "at the end"
        return InvalidArgument(f"Invalid filter {self._expression!r}: {rule} {where}.")
