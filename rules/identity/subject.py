"""The only place that turns a subject, a name or a listing into a key.

A key is a keyed BLAKE2b (a MAC under the deployment's secret pepper) of 128 bits in hex. Keys may be stored in
Redis, Kafka and the ledger: without the pepper no identifier can be tested against them (办法二 Art. 33).
"""

from dataclasses import dataclass, field
from hashlib import blake2b

MIN_PEPPER_BYTES = 16


@dataclass(frozen=True, slots=True)
class SubjectKeys:
    """The keys, MACs and derived secrets of one deployment. ``pepper`` has 16 to 64 bytes."""

    pepper: bytes = field(repr=False)
    _keyed: "dict[bytes, blake2b]" = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not MIN_PEPPER_BYTES <= len(self.pepper) <= blake2b.MAX_KEY_SIZE:
            raise ValueError("the pepper must have 16 to 64 bytes")

    def subject(self, canonical: str) -> str:
        """Key of a subject, from ``Identifier.canonical``: the same for all spellings of its number."""
        return self._mac(b"subject", canonical)

    def name(self, normalised: str) -> str:
        """Key of a name, from ``normalise_name``: evidence that causes at most a review."""
        return self._mac(b"name", normalised)

    def listing(self, authority: str, record_no: str) -> str:
        """Key of a listing: the authority and its own record number."""
        return self._mac(b"listing", f"{authority}\x1f{record_no}")

    def derived(self, origin: str, person: str) -> str:
        """Key of the listing that is derived for a responsible person (办法二 Art. 26) from an organisation's."""
        return self._mac(b"derived", f"{origin}\x1f{person}")

    def seal(self, previous: str, row: bytes) -> str:
        """MAC of the ledger's hash chain, over the previous MAC and the row."""
        return blake2b(previous.encode() + b"\x1f" + row, digest_size=16, key=self.pepper, person=b"seal").hexdigest()

    def ticket(self, payload: bytes) -> bytes:
        """Signature of a clearance ticket."""
        return blake2b(payload, digest_size=16, key=self.pepper, person=b"ticket").digest()

    def webhook_secret(self, client: str, generation: int) -> bytes:
        """Secret that signs a client's webhook calls: derived when needed, stored nowhere."""
        payload = f"{client}\x1f{generation}".encode()
        return blake2b(payload, digest_size=32, key=self.pepper, person=b"webhook").digest()

    def lock_target(self, client: str, scope: str, target: str) -> str:
        """Key of the target of a lock: a client's transaction or account."""
        return self._mac(b"lock", f"{client}\x1f{scope}\x1f{target}")

    def _mac(self, purpose: bytes, text: str) -> str:
        # Keying the hash costs half of a MAC, so it is done once for each purpose.
        keyed = self._keyed.get(purpose)
        if keyed is None:
            keyed = self._keyed[purpose] = blake2b(digest_size=16, key=self.pepper, person=purpose)
        mac = keyed.copy()
        mac.update(text.encode())
        return mac.hexdigest()
