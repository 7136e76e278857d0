"""What a vendor rejects."""


class VendorError(ValueError):
    """A vendor's data cannot be used as they are; names the file, the row and the fix."""
