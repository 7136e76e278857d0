"""What the store rejects, each with the thing that was wrong and the fix."""


class StoreError(Exception):
    """Base of everything that `feature_store` rejects."""


class LookaheadError(StoreError):
    """A row would be stored, or read, before it could be known."""


class ContractError(StoreError):
    """A frame does not keep its dataset's schema, keys or bounds."""


class MissingSessionsError(StoreError):
    """Sessions that a calculation declared as its input are not stored."""


class CorruptPartitionError(StoreError):
    """A stored file cannot be read or does not hold what its footer says."""


class DamagedIndexError(StoreError):
    """The index holds no longer what was written into it."""


class NewerStoreError(StoreError):
    """The store was written by a newer version of the schema than this code knows."""


class HindsightError(StoreError):
    """A value graded hindsight would enter without a named exception in the profile."""
