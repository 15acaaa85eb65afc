"""The way in: `poseda`, and `python -m poseda_cli`."""

from __future__ import annotations

from poseda_cli.signals import Stopped, listen


def main() -> None:
    """Run `poseda`; what it takes is imported once signals are understood."""
    listen()
    try:
        from poseda_cli.commands.app import main as command_line

        command_line()
    except Stopped as stopped:
        from poseda_cli.commands.console import leave

        leave(stopped)


if __name__ == "__main__":
    main()
