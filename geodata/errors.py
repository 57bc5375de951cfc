"""Errors whose message is meant for the person at the keyboard."""


class UserError(Exception):
    """Bad input: one sentence that says what, where and how to mend it.

    The command line prints it and exits with a code other than 0; HTTP answers 4xx with a problem
    document (RFC 9457). Everything else is a defect of the program and goes to the log.

    Args:
        zh: the same sentence in Chinese, of errors that people meet on the pages.
    """

    def __init__(self, *args: object, zh: str | None = None) -> None:
        super().__init__(*args)
        self.zh = zh

    def said(self, language: str) -> str:
        """The sentence in zh, where it has one, or in English."""
        return self.zh if language == "zh" and self.zh else str(self)
