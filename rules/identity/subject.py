"""The only place that turns a subject, a name or a listing into a key.

A key is a keyed BLAKE2b (a MAC under the deployment's secret pepper) of 128 bits in hex. Keys may stand
in Redis, in Kafka and in the ledger; without the pepper nobody can try identifiers against them.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

PEPPER_MINIMUM = 16


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """Key maker of one deployment. ``pepper`` has 16 to 64 bytes."""

    pepper: bytes = field(repr=False)
    _begun: "dict[bytes, blake2b]" = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not PEPPER_MINIMUM <= len(self.pepper) <= blake2b.MAX_KEY_SIZE:
            raise ValueError("the pepper must have 16 to 64 bytes")

    def subject(self, canonical: str) -> str:
        """Key of a subject, from ``Identifier.canonical``: one key however the number is written."""
        return self._mac(b"subject", canonical)

    def name(self, normalised: str) -> str:
        """Key of a name, from ``normalise_name``: for evidence that can at most cause a review."""
        return self._mac(b"name", normalised)

    def listing(self, authority: str, record_no: str) -> str:
        """Key of a listing: the authority and its own record number."""
        return self._mac(b"listing", f"{authority}\x1f{record_no}")

    def derived(self, origin: str, person: str) -> str:
        """Key of what an organisation's listing records against a person who answers for it."""
        return self._mac(b"derived", f"{origin}\x1f{person}")

    def seal(self, previous: str, row: bytes) -> str:
        """Link of the ledger's chain: over the link before it and the row, unforgeable without the pepper."""
        return blake2b(previous.encode() + b"\x1f" + row, digest_size=16, key=self.pepper, person=b"seal").hexdigest()

    def ticket(self, said: bytes) -> bytes:
        """Signature of a clearance ticket."""
        return blake2b(said, digest_size=16, key=self.pepper, person=b"ticket").digest()

    def webhook_secret(self, client: str, generation: int) -> bytes:
        """Secret under which a client's webhook is signed: made anew when needed, so kept nowhere."""
        said = f"{client}\x1f{generation}".encode()
        return blake2b(said, digest_size=32, key=self.pepper, person=b"webhook").digest()

    def lock_target(self, client: str, scope: str, target: str) -> str:
        """Key of what a lock holds: a client's transaction or account."""
        return self._mac(b"lock", f"{client}\x1f{scope}\x1f{target}")

    def _mac(self, purpose: bytes, text: str) -> str:
        # Begun once with the pepper, which costs half of a MAC.
        begun = self._begun.get(purpose)
        if begun is None:
            begun = self._begun[purpose] = blake2b(digest_size=16, key=self.pepper, person=purpose)
        mac = begun.copy()
        mac.update(text.encode())
        return mac.hexdigest()
