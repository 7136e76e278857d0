"""What pages raise for users; imports nothing, so that the command line can catch it without loading any page."""


class ReportError(ValueError):
    """There is nothing to report, or it must not be shown; says what to do."""
