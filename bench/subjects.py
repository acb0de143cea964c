"""Invented subjects, listed and unlisted, with valid check digits; and files of requests about them."""

import json
import random
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_VALUES = {sign: place for place, sign in enumerate(ALPHABET)}
_WEIGHTS = [pow(3, place, 31) for place in range(17)]
_OFFICE = "91320800"
_LISTED, _FREE = "T", "Y"
_OFFICE_SUM = sum(_VALUES[sign] * weight for sign, weight in zip(_OFFICE, _WEIGHTS, strict=False))

MAX_LISTINGS = 10_000_000
"""The most listed subjects there can be: seven digits."""
REQUEST_COUNT = 20_000
CHECKS_PER_LISTED = 20
"""One in this number of requests is about a listed subject: 5 %."""
WARN_SCENE, INTERCEPT_SCENE = "finance.loan", "bidding.qualification"
"""The scenes in which a listed organisation causes a warning, and an intercept."""


def listed(number: int) -> str:
    """A credit code that the benchmarks list."""
    return _code(_LISTED, number)


def free(number: int) -> str:
    """A credit code without a listing."""
    return _code(_FREE, number)


def _code(letter: str, number: int) -> str:
    """A 统一社会信用代码 with both check digits (GB 11714, GB 32100)."""
    organisation = f"{letter}{number:07d}"
    weighted = zip(organisation, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    check = -sum((int(sign) if sign.isdigit() else ord(sign) - 55) * weight for sign, weight in weighted) % 11
    organisation += "X" if check == 10 else str(check)
    total = _OFFICE_SUM + sum(_VALUES[sign] * weight for sign, weight in zip(organisation, _WEIGHTS[8:], strict=True))
    return _OFFICE + organisation + ALPHABET[-total % 31]


def mix(listings: int, count: int = REQUEST_COUNT) -> list[str]:
    """Subjects in a fixed shuffled order: 5 % of them listed, few of them repeated."""
    chance = random.Random(7)
    hits = count // CHECKS_PER_LISTED
    chosen = [listed(chance.randrange(listings)) for _ in range(hits)] + [free(n) for n in range(count - hits)]
    chance.shuffle(chosen)
    return chosen


def check(identifier: str, number: int, scene: str = WARN_SCENE) -> dict[str, object]:
    """The body of one check."""
    return {
        "scene": scene,
        "transaction_id": f"B-{number:08d}",
        "operator": "bench",
        "purpose": "bench",
        "subjects": [{"role": "applicant" if scene == WARN_SCENE else "bidder", "id": identifier}],
    }


def write_checks(path: Path, subjects: Iterable[str], scene: str = WARN_SCENE) -> Path:
    """Write a file of requests: method, path and body, separated by tabs."""
    bodies = (json.dumps(check(who, number, scene)) for number, who in enumerate(subjects))
    path.write_text("".join(f"POST\t/v1/checks\t{body}\n" for body in bodies))
    return path


def write_batches(path: Path, subjects: Iterable[str], size: int = 1000) -> Path:
    """Write a file of the same checks in batches."""
    remaining, lines, number = iter(subjects), list[str](), 0
    while len(page := list(islice(remaining, size))) == size:
        checks = [check(who, number + place) for place, who in enumerate(page)]
        number += size
        lines.append(f"POST\t/v1/checks/batch\t{json.dumps({'checks': checks})}\n")
    path.write_text("".join(lines))
    return path


def write_lookups(path: Path, subjects: Iterable[str]) -> Path:
    """Write a file of look-ups of the same subjects for CrowdSec's local API."""
    path.write_text("".join(f"GET\t/v1/decisions?scope=username&value={who}\t\n" for who in subjects))
    return path
