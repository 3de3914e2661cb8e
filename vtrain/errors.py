"""The errors vtrain raises, and the exit code each one ends a command with.

    VtrainError                1
    ├── UsageError             2   an argument is wrong
    │   └── ConfigError        2   a config file, key or value is wrong
    ├── ThresholdNotMet        3   a required figure was not reached
    ├── DataError              4   a source or an image cannot be used
    │   └── ImageRefused       4   one image cannot be decoded safely
    ├── RunLocked              5   another process works in this run directory
    ├── CheckpointError        6   a checkpoint is missing, damaged or of another kind
    ├── StorageError           1   a file cannot be written (no space, no permission)
    ├── TimeLimitReached       1   a validation was broken off by its time limit
    ├── NonFiniteError         1   a value in training was infinite or not a number
    └── TraceError             1   one trace failed (panic, limit, output refused)
    Stopped                  143   stopped by SIGTERM (130: by Ctrl-C), after saving

A message says what was wrong, where, and what to do next; `hint` holds the last part, so that
commands can print it on a line of its own.
"""

from __future__ import annotations


def quoted(path: object) -> str:
    """A path as a shell reads it as one word, for the commands that people are told to give."""
    import shlex  # noqa: PLC0415 - every command loads this module, and few have advice to give

    return shlex.quote(str(path))


class VtrainError(Exception):
    """Base of every error that vtrain raises on purpose.

    Args:
        message: What was wrong and where, one or a few sentences.
        hint: What to do next, often a command; empty when there is nothing to add.
    """

    exit_code = 1
    title = "Error"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class UsageError(VtrainError):
    """An argument or a combination of arguments is wrong."""

    exit_code = 2
    title = "Usage error"


class ConfigError(UsageError):
    """A configuration file, key or value is wrong."""

    title = "Config error"


class ThresholdNotMet(VtrainError):
    """A figure that the caller required was not reached."""

    exit_code = 3
    title = "Threshold not met"


class DataError(VtrainError):
    """A source, a corpus or an image cannot be used."""

    exit_code = 4
    title = "Data error"


class ImageRefused(DataError):
    """One image cannot be decoded safely.

    Args:
        name: The file's name as the user knows it.
        reason: A short fixed word for counting, such as ``too-large`` or ``truncated``.
        detail: The sentence a person reads.
    """

    title = "Image refused"

    def __init__(self, name: str, reason: str, detail: str) -> None:
        super().__init__(f"{name}: {detail} ({reason}).")
        self.name = name
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[ImageRefused], tuple[str, str, str]]:
        # Exceptions with their own arguments cross process borders only with this.
        return (type(self), (self.name, self.reason, self.detail))


class RunLocked(VtrainError):
    """Another process holds the run directory."""

    exit_code = 5
    title = "Run directory locked"


class CheckpointError(VtrainError):
    """A checkpoint is missing, damaged, or belongs to something else."""

    exit_code = 6
    title = "Checkpoint error"


class StorageError(VtrainError):
    """A file or folder cannot be written."""

    title = "Cannot write"


class TimeLimitReached(VtrainError):
    """Work was broken off because the time that it was given is over."""

    title = "Out of time"


class NonFiniteError(VtrainError):
    """A value in training was infinite or not a number.

    Args:
        message: What was wrong and where.
        what: The tensor or figure, such as ``gradient of value_net.bias``.
        images: Ids of the images that it belongs to; none when only the rollout is known.
        hint: What to do next.
    """

    title = "Not finite"

    def __init__(
        self, message: str, *, what: str, images: tuple[str, ...] = (), hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.what = what
        self.images = images


class TraceError(VtrainError):
    """One trace failed.

    Args:
        reason: A short fixed word for counting: ``panic``, ``output-limit``, ``time-limit``,
            ``worker-died``, ``invalid-svg``, ``fault``.
        detail: The sentence a person reads.
    """

    title = "Trace failed"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{detail} ({reason}).")
        self.reason = reason
        self.detail = detail

    def __reduce__(self) -> tuple[type[TraceError], tuple[str, str]]:
        return (type(self), (self.reason, self.detail))


class Stopped(VtrainError):
    """The run was asked to stop and has saved what it had."""

    exit_code = 143
    title = "Stopped"
