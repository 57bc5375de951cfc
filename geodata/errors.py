"""Errors whose message is meant for the person at the keyboard."""


class UserError(Exception):
    """Bad input: one sentence that says what, where and how to mend it.

    The command line prints it and exits with a code other than 0; HTTP answers 4xx with a problem
    document (RFC 9457). Everything else is a defect of the program and goes to the log.
    """
