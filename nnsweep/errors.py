"""What a user can get wrong, and the exit code that tells it.

Every error here is shown as one line without a traceback. Anything else that escapes is a bug in
nnsweep and ends with exit code 1 and its traceback.
"""


class UserError(Exception):
    """Something the user can mend; the message says what is wrong and what to do.

    The arguments are the problems, one line each.
    """

    exit_code = 2

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems, one line each, in the order they were found."""
        return tuple(str(problem) for problem in self.args)


class ConfigError(UserError):
    """The command line or a configuration file asks for something that cannot be; nothing ran."""


class DataError(UserError):
    """The data cannot be had or cannot be used; nothing ran."""

    exit_code = 4


class StoreError(UserError):
    """The tracking store cannot be used."""

    exit_code = 5
