"""Feed record v1 as a JSON document, before it is validated."""

from typing import Any

RecordDocument = dict[str, Any]
"""The members of a feed record v1 by name, as JSON has them; ``rules.admission.validator`` checks every one of them."""
