"""The pages' blocks as a script that fails where the page shows what the code does not say.

Two forms are checked: `print(...)  # -> text` on one line, and a block marked `text` that follows
a block of code and shows all else that it printed ("..." stands for what is left out).
"""

import contextlib
import io
import re
import sys

__all__ = ["agrees", "check", "printed", "script"]

BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PRINT = re.compile(r"^( *)print\((.*)\)  # -> (.*)$", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")


def script(page):
    """Return the page's code, each block with the checks of what the page shows of it."""
    found = list(BLOCK.finditer(page))
    parts = ["from shown import check, printed"]
    for block, after in zip(found, [*found[1:], None], strict=True):
        kind, code = block.groups()
        if kind != "python":
            continue
        code = PRINT.sub(lambda m: f"{m[1]}check({m[3]!r}, {m[2]})", code)
        if after and after[1] == "text" and not page[block.end() : after.start()].strip():
            head = "".join(f"    {line}\n" if line else "\n" for line in code.split("\n"))
            code = f"with printed({after[2]!r}):\n{head}"
        parts.append(code)
    return "\n\n".join(parts)


def check(shown, *values):
    """Print the values, and raise unless they are what is shown."""
    said = " ".join(str(value) for value in values)
    print(said, file=sys.__stdout__)  # shown here, so not in a block of text
    if not agrees(shown, said):
        raise AssertionError(f"the page shows\n{shown}\nand the code says\n{said}")


@contextlib.contextmanager
def printed(shown):
    """Check what is printed inside, line by line."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        yield
    check(shown, said.getvalue())


def agrees(shown, said):
    """Return whether the words are the same, and the numbers to the last digit that is shown."""
    left_out = r"[\s\S]*"
    pattern, numbers, last = "", [], 0
    for number in NUMBER.finditer(shown):
        pattern += words(shown[last : number.start()], left_out) + r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
        numbers.append(number[0])
        last = number.end()
    pattern += words(shown[last:], left_out)
    found = re.fullmatch(rf"\s*{pattern}\s*", said)
    return bool(found) and all(
        abs(float(one) - float(other)) <= 1.01 * 10.0 ** -len(one.partition(".")[2])
        for one, other in zip(numbers, found.groups(), strict=True)
    )


def words(text, left_out):
    """Return a pattern for text: any blanks for blanks, anything for three dots."""
    pieces = [re.escape(piece) for piece in re.split(r"(?:\s|\.\.\.)+", text)]
    gaps = re.findall(r"(?:\s|\.\.\.)+", text)
    joined = pieces[0]
    for gap, piece in zip(gaps, pieces[1:], strict=True):
        joined += (left_out if "..." in gap else r"\s+") + piece
    return joined
